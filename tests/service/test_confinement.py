"""What the unit lets a station do, and what each drop-in adds, as a service under a real systemd finds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.keys import write_new_keys
from tests.conftest import ROOT
from tests.service.machine import Machine

DROP_INS = {path.stem: path for path in (ROOT / "systemd" / "drop-ins").glob("*.conf")}
PROBE = """[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/opt/linegate/bin/python -m tests.service.probe {station}
"""
ALWAYS = {"state", "cache"}
CAP_SYS_RESOURCE = 24
NO_HARDWARE = ("ENXIO", "ENODEV", "EIO")
"""It was let through to a driver that has none."""


def tried(machine: Machine, *drop_ins: str) -> dict[str, str]:
    """What it could not do, by what stood in the way."""
    station = "_".join(("probe", *drop_ins)).replace("-", "_")
    unit = f"linegate@{station}"
    write_new_keys(station, machine.etc / "keys")
    for name in drop_ins:
        machine.drop_in(unit, f"10-{name}", DROP_INS[name].read_text())
    machine.drop_in(unit, "20-probe", PROBE.format(station=station))
    started = machine.run("systemctl", "start", unit)
    said = [str(entry["MESSAGE"]) for entry in machine.journal(unit)]
    assert started.returncode == 0, "\n".join(said)
    (errors,) = [json.loads(line) for line in said if line.startswith("{")]
    return {what: "" if why in NO_HARDWARE else why for what, why in errors.items()}


@pytest.fixture(scope="module")
def devices(machine: Machine) -> Machine:
    """With a serial port and a USB3 Vision camera, as udev makes their nodes."""
    for node, major, minor, group in (("ttyS0", 4, 64, "dialout"), ("bus/usb/001/001", 189, 0, "linegate")):
        path = f"/dev/{node}"
        made = f"mkdir -p $(dirname {path}); mknod -m 660 {path} c {major} {minor}; chgrp {group} {path}"
        machine.run("sh", "-c", made, check=True)
    return machine


def test_alone_it_keeps_its_state_and_no_more(devices: Machine) -> None:
    errors = tried(devices)
    assert {what for what, why in errors.items() if not why} == ALWAYS
    assert (errors["serial"], errors["usb"], errors["key"]) == ("ENOENT", "ENOENT", "EACCES"), "no device is to be seen"


def _kernel_has(driver: str) -> bool:
    return f" {driver}\n" in Path("/proc/devices").read_text()


def _root_may_raise_limits() -> bool:
    """Not in every container."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return bool(int(status["CapEff"], 16) >> CAP_SYS_RESOURCE & 1)


USB = pytest.mark.skipif(not _kernel_has("usb_device"), reason="needs a kernel with USB")
LIMITS = pytest.mark.skipif(not _root_may_raise_limits(), reason="needs a root that may raise limits")


@pytest.mark.parametrize(
    ("drop_in", "opens"),
    [
        ("serial", {"serial"}),
        pytest.param("usb-camera", {"usb"}, marks=USB),
        ("low-port", {"low port"}),
        pytest.param("realtime", {"priority", "memory lock"}, marks=LIMITS),
        ("keys", {"credential"}),
    ],
)
def test_a_drop_in_opens_what_it_is_for(devices: Machine, drop_in: str, opens: set[str]) -> None:
    errors = tried(devices, drop_in)
    assert {what for what, why in errors.items() if not why} == ALWAYS | opens, errors


def test_all_of_them_go_together(devices: Machine) -> None:
    errors = tried(devices, *sorted(DROP_INS))
    lacking = (set() if _kernel_has("usb_device") else {"usb"}) | (
        set() if _root_may_raise_limits() else {"priority", "memory lock"}
    )
    assert {what for what, why in errors.items() if why} == {"key", "config"} | lacking, errors
