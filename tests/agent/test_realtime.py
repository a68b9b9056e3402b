"""[realtime] where it makes no sense; under systemd, allowed and not: tests/service/test_drop_ins.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config import load_config
from agent.errors import ConfigError
from agent.realtime import MOST
from tests.conftest import ROOT


def test_no_priority_is_taken_that_the_drop_in_does_not_permit(tmp_path: Path) -> None:
    (permitted,) = re.findall(r"LimitRTPRIO=(\d+)", (ROOT / "systemd/drop-ins/realtime.conf").read_text())
    assert int(permitted) == MOST
    path = tmp_path / "station.toml"
    path.write_text((ROOT / "config/demo.toml").read_text() + f"\n[realtime]\nlink_priority = {MOST + 1}\n")
    with pytest.raises(
        ConfigError, match=r"'realtime\.link_priority': should be less than or equal to 80 \(found 81\)"
    ):
        load_config(path)


def test_a_priority_for_the_link_needs_a_link(tmp_path: Path) -> None:
    standalone = (ROOT / "config/presence.toml").read_text()
    path = tmp_path / "station.toml"
    path.write_text(standalone + "\n[realtime]\nlink_priority = 10\n")
    with pytest.raises(ConfigError, match=r"realtime\.link_priority is for the PLC's link, and there is no \[plc\]"):
        load_config(path)
