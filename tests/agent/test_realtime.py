"""[realtime] where it makes no sense; under systemd, allowed and not: tests/service/test_drop_ins.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import load_config
from agent.errors import ConfigError
from tests.conftest import ROOT


def test_a_priority_for_the_link_needs_a_link(tmp_path: Path) -> None:
    standalone = (ROOT / "config/presence.toml").read_text()
    path = tmp_path / "station.toml"
    path.write_text(standalone + "\n[realtime]\nlink_priority = 10\n")
    with pytest.raises(ConfigError, match=r"realtime\.link_priority is for the PLC's link, and there is no \[plc\]"):
        load_config(path)
