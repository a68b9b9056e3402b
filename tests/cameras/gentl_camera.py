"""A GenTL producer whose camera fails on demand (gentl_producer.c), built once, and MVTec's viky.cti."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

SOURCE = Path(__file__).with_name("gentl_producer.c")
REGISTERS = ("Width", "Height", "TriggerMode", "TriggerSource", "TriggerSoftware", "TestFault", "FirstFrameId",
             "TimestampLatch", "TimestampLatchValue", "ExposureTime", "Other")  # fmt: skip
ENUMERATIONS = {
    "TriggerMode": ("Off", "On"),
    "TriggerSource": ("Line1", "Software"),
    "TestFault": ("None", "Incomplete", "Short", "Lost", "NoStamp", "NoId", "NoHeight", "ZeroHeight", "NoSize"),
}
COMMANDS = ("TriggerSoftware", "TimestampLatch", "AcquisitionStart", "AcquisitionStop")


def viky() -> Path:
    """MVTec's simulated producer, which comes with the genicam package: free running, no trigger, no clock."""
    package = find_spec("genicam")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).with_name("viky.cti")


def build_producer(folder: Path) -> Path:
    """The .cti, compiled into `folder`."""
    description, cti = folder / "camera.xml", folder / "test.cti"
    description.write_text(_description())
    command = ["gcc", "-shared", "-fPIC", "-O1", f'-DDESCRIPTION="{description}"', "-o", cti, SOURCE, "-lpthread"]
    subprocess.run(command, check=True)
    return cti


def _description() -> str:
    names = [name for name in (*REGISTERS, *COMMANDS, "PixelFormat", "AcquisitionMode") if name != "Other"]
    root = "".join(f"<pFeature>{name}</pFeature>" for name in dict.fromkeys(names))
    return (
        '<?xml version="1.0" encoding="utf-8"?><RegisterDescription ModelName="Test" VendorName="Linegate" '
        'StandardNameSpace="None" SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" '
        'MajorVersion="1" MinorVersion="0" SubMinorVersion="0" ProductGuid="11111111-1111-1111-1111-111111111111" '
        'VersionGuid="11111111-1111-1111-1111-111111111112" xmlns="http://www.genicam.org/GenApi/Version_1_1">'
        f'<Category Name="Root">{root}</Category>{"".join(_features())}<Port Name="Device"/></RegisterDescription>'
    )


def _features() -> Iterator[str]:
    for number, name in enumerate(REGISTERS):
        where = f"<Address>{8 * number}</Address><Length>8</Length><AccessMode>RW</AccessMode><pPort>Device</pPort>"
        order = "<Cachable>NoCache</Cachable>{}<Endianess>LittleEndian</Endianess>"
        if name == "ExposureTime":
            yield f'<FloatReg Name="{name}">{where}{order.format("")}</FloatReg>'
        else:
            yield f'<IntReg Name="{name}Reg">{where}{order.format("<Sign>Unsigned</Sign>")}</IntReg>'
    for name in ("Width", "Height", "FirstFrameId", "TimestampLatchValue"):
        yield f'<Integer Name="{name}"><pValue>{name}Reg</pValue></Integer>'
    for name, entries in ENUMERATIONS.items():
        yield _enumeration(name, entries, f"<pValue>{name}Reg</pValue>")
    yield _enumeration("PixelFormat", ("Mono8",), "<Value>0</Value>")
    yield _enumeration("AcquisitionMode", ("Continuous",), "<Value>0</Value>")
    for name in COMMANDS:
        register = f"{name}Reg" if name in REGISTERS else "OtherReg"
        yield f'<Command Name="{name}"><pValue>{register}</pValue><CommandValue>1</CommandValue></Command>'


def _enumeration(name: str, entries: tuple[str, ...], value: str) -> str:
    listed = "".join(f'<EnumEntry Name="{entry}"><Value>{n}</Value></EnumEntry>' for n, entry in enumerate(entries))
    return f'<Enumeration Name="{name}">{listed}{value}</Enumeration>'
