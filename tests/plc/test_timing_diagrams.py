"""The diagrams in docs/plc are what program and handshake say today."""

from __future__ import annotations

import pytest

from docs.plc.timing.scenarios import PICTURES

SAYS = {
    "normal": ["seq 1 PASS", "seq 2 REJECT", "1 passes", "2 rejected"],
    "late": ["1 NO_DECISION (DEADLINE)", "1 PASS, late: recorded", "1 rejected"],
    "plc_restart": ["PLC on, PLC_EPOCH 2, queue empty", "2 passes"],
    "agent_restart": ["1 rejected", "2 rejected", "3 passes"],
    "link_freeze": ["1 passes", "2 NO_DECISION", "2 rejected", "3 passes"],
    "job_change": ["operator selects job 2, belt is empty", "1 passes"],
    "challenge": ["1 REJECT (CHALLENGE_REJECTED)", "2 REJECT (CHALLENGE)", "1 rejected", "2 rejected"],
    "echo": ["after HB 8197", "NO_DECISION (CAPTURE_WINDOW)"],
}


@pytest.mark.parametrize("name", list(PICTURES))
def test_a_diagram_is_what_the_two_sides_say(name: str) -> None:
    svg = PICTURES[name].svg()
    assert all(f">{text}</text>" in svg for text in SAYS[name])
