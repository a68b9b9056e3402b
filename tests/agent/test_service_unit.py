"""The shipped unit lets a station reach its devices, and little else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "systemd" / "linegate@.service"
EXPOSURE = 20
"""Tenths of systemd's measure, of 10."""


@pytest.mark.parametrize("node", ["char-usb_device", "char-video4linux", "char-nvidia", "char-ttyUSB"])
def test_the_unit_opens_every_device_that_a_station_may_need(node: str) -> None:
    """GigE needs none; a USB3 Vision camera is a plain USB device."""
    lines = UNIT.read_text().splitlines()
    assert "DevicePolicy=closed" in lines
    assert f"DeviceAllow={node} rw" in lines


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_finds_it_in_order_and_closed(tmp_path: Path) -> None:
    unit = tmp_path / "linegate@line1.service"
    program = tmp_path / "linegate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit.write_text(UNIT.read_text().replace("/opt/linegate/bin/linegate", str(program)))
    for check in (["verify"], ["security", "--offline=true", f"--threshold={EXPOSURE}"]):
        result = subprocess.run(["systemd-analyze", *check, unit], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert check != ["verify"] or not result.stderr, result.stderr
