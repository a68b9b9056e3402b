"""[reject]: what an arm can be driven by, and every mistake in one line with its remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config import load_config
from agent.errors import ConfigError
from agent.plc.arm.open_arm import check_lanes
from tests.conftest import ROOT

DEMO = (ROOT / "config" / "demo.toml").read_text()
OURS = 'timing = "agent"\ndistance_counts = 4000\npulse_ms = 40\n'


def station(tmp_path: Path, reject: str, plc: str = "") -> Path:
    path = tmp_path / "station.toml"
    path.write_text(DEMO.replace("[plc]\n", f"[plc]\n{plc}\n", 1) + f"\n[reject]\n{reject}\n")
    return path


@pytest.mark.parametrize(
    "reject",
    [
        "confirm_ms = 300",
        OURS + "pass_coil = 0",
        OURS + "reject_coil = 7\nfail_open = true\nconfirm_ms = 300",
        OURS.replace("counts", "mm") + "pass_coil = 0\nlead_ms = 25\nlane_coils = { crack = 4, reject = 4 }",
    ],
)
def test_an_arm_that_can_be_driven_is_taken(tmp_path: Path, reject: str) -> None:
    load_config(station(tmp_path, reject))


@pytest.mark.parametrize(
    ("reject", "plc", "complaint"),
    [
        ("pass_coil = 0", "", "reject.pass_coil is for reject.timing = 'agent'"),
        ("fail_open = true", "", "reject.fail_open is for reject.timing = 'agent'"),
        (OURS, "", "needs one of pass_coil and reject_coil"),
        (OURS + "pass_coil = 1\nreject_coil = 2\nfail_open = true", "", "needs one of pass_coil and reject_coil"),
        (OURS + "reject_coil = 2", "", "own up to it with fail_open = true"),
        (OURS + "pass_coil = 2\nfail_open = true", "", "reject.fail_open = true is the mark of reject_coil"),
        (OURS.replace("distance_counts = 4000\n", "") + "pass_coil = 2", "", "needs one of distance_mm and"),
        (OURS + "pass_coil = 2\ndistance_mm = 300", "", "needs one of distance_mm and distance_counts"),
        (OURS + "pass_coil = 2\nlane_coils = { crack = 2 }", "", "coil 2 is the arm's own"),
        (OURS.replace("40", "60") + "pass_coil = 2", "", "reaches into the next part at trigger.min_pitch_ms = 50"),
        (OURS.replace("40", "8") + "pass_coil = 2", "", "make it at least twice that"),
        (OURS + "pass_coil = 2", 'role = "server"', "it needs plc.role = 'client' and plc.profile = 'words'"),
        (OURS + "pass_coil = 2", 'profile = "bits"\ndecide_ms = 400', "it needs plc.role = 'client'"),
        ("confirm_ms = 300", 'profile = "bits"\ndecide_ms = 400', "profile 'bits' has no CONFIRM_CNT"),
    ],
)
def test_an_arm_that_cannot_be_driven_is_refused(tmp_path: Path, reject: str, plc: str, complaint: str) -> None:
    path = station(tmp_path, reject, plc)
    if "bits" in plc:
        path.write_text(path.read_text().replace("min_pitch_ms = 50", "min_pitch_ms = 1000"))
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_a_lane_of_no_class_of_the_model_is_refused(tmp_path: Path) -> None:
    reject = load_config(station(tmp_path, OURS + "pass_coil = 0\nlane_coils = { crak = 4, no_decision = 5 }")).reject
    with pytest.raises(ConfigError, match=r"'crak' is no class of this model: name one of crack, reject, no_decision"):
        check_lanes(reject, ("crack",))
