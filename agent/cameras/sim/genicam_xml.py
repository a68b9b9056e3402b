"""The camera's description of itself (GenICam XML), written from its table of features. Pure."""

from __future__ import annotations

from itertools import groupby

from agent.cameras.sim.features import Feature, addresses

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<RegisterDescription ModelName="{model}" VendorName="{vendor}" StandardNameSpace="None" SchemaMajorVersion="1"
 SchemaMinorVersion="0" SchemaSubMinorVersion="1" MajorVersion="1" MinorVersion="0" SubMinorVersion="0"
 ToolTip="Simulated GigE Vision camera" ProductGuid="0" VersionGuid="0"
 xmlns="http://www.genicam.org/GenApi/Version_1_0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.genicam.org/GenApi/Version_1_0 GenApiSchema.xsd">
"""
STRINGS = {"DeviceVendorName": (0x48, 32), "DeviceModelName": (0x68, 32), "DeviceVersion": (0x88, 32),
           "DeviceManufacturerInfo": (0xA8, 48), "DeviceID": (0xD8, 16), "DeviceUserID": (0xE8, 16)}  # fmt: skip
TRANSPORT = ("GevHeartbeatTimeout", "GevTimestampTickFrequency", "GevTimestampControlLatch",
             "GevTimestampControlReset", "GevTimestampValue", "GevSCPSPacketSize", "GevSCPD")  # fmt: skip
LOCKED = "<pIsLocked>TLParamsLocked</pIsLocked>"


def genicam_xml(vendor: str, model: str, table: tuple[Feature, ...]) -> bytes:
    """The whole document, UTF-8."""
    where = addresses(table)
    categories = {"DeviceControl": [*STRINGS]}
    for category, members in groupby(table, key=lambda feature: feature.category):
        categories[category] = [feature.name for feature in members]
    categories["TransportLayerControl"] += TRANSPORT
    parts = [HEAD.format(vendor=vendor, model=model), _category("Root", list(categories))]
    parts += [_category(name, members) for name, members in categories.items()]
    parts += [_register("StringReg", name, address, length, "RO", "") for name, (address, length) in STRINGS.items()]
    parts += [_node(feature, where[feature.name]) for feature in table]
    parts += [_transport(), '<Port Name="Device"/>', "</RegisterDescription>"]
    return "\n".join(parts).encode()


def _category(name: str, members: list[str]) -> str:
    return f'<Category Name="{name}">' + "".join(f"<pFeature>{member}</pFeature>" for member in members) + "</Category>"


def _node(feature: Feature, address: int) -> str:
    name, register = feature.name, f"{feature.name}Reg"
    access = "RO" if feature.read_only else "RW"
    locked = LOCKED if feature.stopped_only else ""
    if feature.kind == "float":
        return (
            f'<Float Name="{name}"><pValue>{register}</pValue><Min>{feature.least}</Min><Max>{feature.most}</Max>'
            "</Float>" + _register("FloatReg", register, address, 8, access, ENDIAN)
        )
    if feature.kind == "enumeration":
        entries = "".join(f'<EnumEntry Name="{word}"><Value>{value}</Value></EnumEntry>'
                          for word, value in feature.entries.items())  # fmt: skip
        node = f'<Enumeration Name="{name}">{entries}{locked}<pValue>{register}</pValue></Enumeration>'
    elif feature.kind == "command":
        node = f'<Command Name="{name}"><pValue>{register}</pValue><CommandValue>1</CommandValue></Command>'
    else:
        node = f'<Integer Name="{name}">{locked}<pValue>{register}</pValue>{_limits(feature)}</Integer>'
    return node + _register("IntReg", register, address, 4, access)


def _limits(feature: Feature) -> str:
    if feature.read_only:
        return ""
    most = f"<pMax>{feature.most}</pMax>" if isinstance(feature.most, str) else f"<Max>{feature.most}</Max>"
    return f"<Min>{feature.least}</Min>{most}<Inc>{feature.step}</Inc>"


ENDIAN = "<Endianess>BigEndian</Endianess>"
UNSIGNED = f"<Sign>Unsigned</Sign>{ENDIAN}"


def _register(kind: str, name: str, address: int, length: int, access: str, more: str = UNSIGNED) -> str:
    return (
        f'<{kind} Name="{name}"><Address>{address:#x}</Address><Length>{length}</Length>'
        f"<AccessMode>{access}</AccessMode><pPort>Device</pPort><Cachable>NoCache</Cachable>{more}</{kind}>"
    )


def _transport() -> str:
    """What the standard's own registers are called."""

    def integer(name: str, address: int, length: int, access: str, limits: str = "", bits: str = "") -> str:
        kind = "MaskedIntReg" if bits else "IntReg"
        return f'<Integer Name="{name}"><pValue>{name}Reg</pValue>{limits}</Integer>' + _register(
            kind, f"{name}Reg", address, length, access, bits + UNSIGNED
        )

    def command(name: str, value: int) -> str:
        return (
            f'<Command Name="{name}"><pValue>TimestampControlReg</pValue><CommandValue>{value}</CommandValue></Command>'
        )

    return "\n".join((
        integer("GevHeartbeatTimeout", 0x0938, 4, "RW", "<Min>500</Min><Max>60000</Max>"),
        integer("GevTimestampTickFrequency", 0x093C, 8, "RO"),
        _register("IntReg", "TimestampControlReg", 0x0944, 4, "WO"),
        command("GevTimestampControlReset", 1),
        command("GevTimestampControlLatch", 2),
        integer("GevTimestampValue", 0x0948, 8, "RO"),
        integer("GevSCPSPacketSize", 0x0D04, 4, "RW", f"{LOCKED}<Min>576</Min><Max>16000</Max><Inc>4</Inc>",
                "<LSB>31</LSB><MSB>16</MSB>"),
        integer("GevSCPD", 0x0D08, 4, "RW", f"{LOCKED}<Min>0</Min><Max>100000000</Max>"),
        '<Integer Name="TLParamsLocked"><Visibility>Invisible</Visibility><Value>0</Value><Min>0</Min><Max>1</Max>'
        "</Integer>",
    ))  # fmt: skip
