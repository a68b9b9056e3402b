"""FB_Linegate.st is PlcProgram in another language: both run the same line, scan by scan, word by word."""

from __future__ import annotations

from collections import Counter

import pytest

from agent.plc.decision import Timing
from agent.plc.handshake import Handshake
from agent.plc.register_map import PLC_BLOCK, OutcomeCode
from agent.plc.sim.inputs import Edge
from agent.plc.sim.program import QUEUE_SIZE
from tests.plc.st_interpreter import Arithmetic, NotInSubset, Program
from tests.plc.st_twins import FB_TEXT, MAP_TEXT, READY, Difference, Line, Twins

SEEDS = range(10)
SCANS = 1_500


def run_lines(text: str, arithmetic: Arithmetic) -> Counter[str]:
    """Random lines on both; what was seen on them."""
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        line = Line(Twins(text, arithmetic), seed)
        line.run(SCANS)
        seen += line.seen
    return seen


@pytest.mark.parametrize("arithmetic", ["wraps", "wide"])
def test_the_block_is_the_program(arithmetic: Arithmetic) -> None:
    seen = run_lines(FB_TEXT, arithmetic)
    for name in (
        *(code.name for code in OutcomeCode),
        "ready",
        "stopped",
        "PLC restart",
        "wrapped",
        "bypassed",
        "overflow",
        "job held",
    ):
        assert seen[name] >= 10, f"the lines hardly showed {name}: {seen}"
    assert seen["several decided"] >= 10


MUTATIONS = {
    "agent epoch": (" AND aQueue[i].uiAgentEpoch = WORD_TO_UINT(aw[LG_A_AGENT_EPOCH])", ""),
    "XOR": ("aw[uiAt + LG_RESULT_VERDICT] XOR UINT_TO_WORD(aQueue[i].uiSeq)", "aw[uiAt + LG_RESULT_VERDICT]"),
    "head and tail": (" AND aw[LG_A_RES_HEAD] = aw[LG_A_RES_TAIL]", ""),
    "the echo before": ("uiEchoes >= 2", "uiEchoes >= 1"),
    "the belt stands": ("IF NOT xBeltMoves THEN", "IF FALSE THEN"),
    "lateness": ("ELSIF xPassed AND udiPast > udiLate THEN", "ELSIF FALSE THEN"),
    "challenge by the verdict": ("aQueue[i].xChallenge := TRUE;", "aQueue[i].xChallenge := FALSE;"),
    "job 0 held": ("xJobPending := xJobUnread OR (", "xJobPending := ("),
    "difference in a variable": (
        "uiTravelled := uiEncNow - uiEncTriggered; IF uiTravelled > 64511",
        "uiTravelled := uiEncNow - uiEncTriggered; IF uiEncNow - uiEncTriggered > 64511",
    ),
}


IN_SHORT = ("XOR",)
"""The others behind `make faults`: to parse the block takes its time."""


@pytest.mark.parametrize(
    "mutation",
    [pytest.param(name, marks=[] if name in IN_SHORT else pytest.mark.faults) for name in MUTATIONS],
)
def test_a_step_left_out_is_seen(mutation: str) -> None:
    old, new = MUTATIONS[mutation]
    text = " ".join(FB_TEXT.split())
    assert old in text
    with pytest.raises(Difference):
        run_lines(text.replace(old, new), "wide")


def ready_image(heartbeat: int, plc_epoch: int) -> list[int]:
    agent = Handshake(Timing(100, 10, 5), 1)
    agent._plc_epoch, agent._heartbeat = plc_epoch, heartbeat - 1
    return agent.block(READY, True)


def started() -> Twins:
    """Ready, a few scans old."""
    twins = Twins(FB_TEXT, "wraps")
    for heartbeat in range(1, 5):
        twins.scan(heartbeat * 5, [], ready_image(heartbeat, 1))
    assert twins.block.xrunning
    return twins


def test_a_frozen_heartbeat_stays_lost_when_the_clock_wraps() -> None:
    twins = started()
    image = ready_image(4, 1)
    for now_ms in (20, 600, 2**32 - 5, 2**32 + 20, 2**32 + 300):
        twins.scan(now_ms, [], image)
    assert not twins.block.xagentready


def test_a_full_queue_rejects_all_and_stops_the_line() -> None:
    """So many parts between eye and arm that one has no place."""
    twins = started()
    program = twins.program
    for part_id in range(1, QUEUE_SIZE + 1):
        twins.scan(25, [Edge(part_id, 25)], ready_image(4 + part_id, 1))
    program.panel.bypass = True
    twins.scan(30, [Edge(99, 30)], ready_image(90, 1))
    assert program.overflow
    assert program.stopped
    assert twins.block.uihead == QUEUE_SIZE, "a part that is not queued is not announced"
    decided = twins.scan(330, [], ready_image(91, 1))
    assert len(decided) == QUEUE_SIZE
    assert OutcomeCode.PASSED not in {part.outcome for part in decided}
    program.panel.clear_fault = True
    twins.scan(335, [], ready_image(92, 1))
    assert not program.overflow


def test_more_edges_than_a_scan_takes_reject_all() -> None:
    """Only the block has such a bound: its inputs are an array."""
    block = started().block
    block.uiedges = 5
    block.run()
    assert block.xoverflow
    assert block.xstopped


def test_reject_all_wins_over_bypass() -> None:
    twins = started()
    twins.program.panel.bypass = twins.program.panel.reject_all = True
    twins.scan(25, [Edge(1, 25)], ready_image(5, 1))
    assert [part.outcome for part in twins.scan(325, [], ready_image(6, 1))] == [OutcomeCode.NO_VERDICT]


def test_the_epoch_is_kept_and_counted_on() -> None:
    """Power-off keeps what is RETAIN, and nothing else."""
    assert "VAR RETAIN" in FB_TEXT
    twins = started()
    again = Program(MAP_TEXT, FB_TEXT).instance("FB_Linegate")
    again.uiepoch = twins.block.uiepoch
    again.run()
    assert PLC_BLOCK.get(again.awplc, "PLC_EPOCH") == 2


STRICT = """
FUNCTION F : UINT
VAR_INPUT
    ui : UINT; udi : UDINT; w : WORD; x : BOOL;
END_VAR
%s
END_FUNCTION
"""


@pytest.mark.parametrize(
    "line", ["ui := w;", "ui := udi;", "x := 1;", "udi := udi - ui;", "w := w + w;", "WHILE x DO ui := 1; END_WHILE;"]
)
def test_what_plcs_read_differently_is_refused(line: str) -> None:
    Program(STRICT % "ui := ui + 1;")
    with pytest.raises(NotInSubset):
        Program(STRICT % line)
