"""The shipped unit lets a station do its work and little else; each drop-in opens what its name says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "systemd" / "linegate@.service"
DROP_INS = {path.stem: path for path in (ROOT / "systemd" / "drop-ins").glob("*.conf")}
BARE, ALL = 13, 20
"""What may stand open, in tenths of systemd's measure, of 10: the unit alone, and with all of its drop-ins."""
MAY_COST = {"low-port": 4, "gpu": 3, "serial": 3, "usb-camera": 3, "realtime": 4, "no-user-namespace": 2}
"""What one of them adds at most; any other nothing."""


@pytest.mark.parametrize(
    ("drop_in", "node"),
    [
        ("usb-camera", "char-usb_device"),
        ("usb-camera", "char-video4linux"),
        ("gpu", "char-nvidia"),
        ("gpu", "char-nvidia-frontend"),
        ("gpu", "char-nvidia-uvm"),
        ("serial", "char-ttyUSB"),
    ],
)
def test_a_drop_in_opens_its_devices_and_no_others(drop_in: str, node: str) -> None:
    lines = DROP_INS[drop_in].read_text().splitlines()
    assert "DevicePolicy=closed" in lines
    assert f"DeviceAllow={node} rw" in lines
    assert "PrivateDevices=yes" in UNIT.read_text().splitlines(), "whoever needs none sees none"


def test_a_model_that_is_tried_out_and_takes_all_memory_does_not_stop_the_station() -> None:
    """By default systemd stops a unit of which the kernel kills any process; the station's own end is a restart."""
    lines = UNIT.read_text().splitlines()
    assert {"MemoryMax=2G", "OOMPolicy=continue", "Restart=always"} <= set(lines)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("names", [[], *([name] for name in sorted(DROP_INS)), sorted(DROP_INS)], ids=" ".join)
def test_systemd_finds_it_in_order_and_closed(names: list[str], tmp_path: Path) -> None:
    allowed = BARE if not names else ALL if len(names) > 1 else BARE + MAY_COST.get(names[0], 0)
    unit = _installed(tmp_path, names)
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={allowed}", unit]
    exposed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert exposed.returncode == 0, exposed.stdout[-200:] + exposed.stderr


def _installed(folder: Path, names: list[str]) -> Path:
    """linegate@line1.service with these drop-ins, and a program that exists."""
    unit = folder / "linegate@line1.service"
    program = folder / "linegate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit.write_text(UNIT.read_text().replace("/opt/linegate/bin/linegate", str(program)))
    added = folder / f"{unit.name}.d"
    added.mkdir()
    for name in names:
        shutil.copy(DROP_INS[name], added / f"10-{name}.conf")
    return unit
