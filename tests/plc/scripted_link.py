"""The real link with a station that needs no camera: parts with an odd id pass. And a PLC program on foreign memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.health import Stages
from agent.inspection import Reason, Trigger, Verdict
from agent.plc.decision import Decision, Timing
from agent.plc.facts import Facts
from agent.plc.handshake import Handshake
from agent.plc.link import PlcLink
from agent.plc.register_map import AGENT_BLOCK, OutcomeCode
from agent.plc.sim.inputs import Edge
from agent.plc.sim.program import PlcProgram
from agent.plc.wires.link_end import Wire
from tests.results.records import journal_at

AGENT_EPOCH = 7
SCAN_S, PITCH_MS, DECIDE_MS = 0.005, 40, 400


@contextmanager
def linked_station(
    wire: Wire, folder: Path, before: Callable[[PlcLink, Trigger], object] = lambda *_: None
) -> Iterator[PlcLink]:
    """READY from the start; ends in good order. `before`: what goes on before a part is inspected."""
    journal = journal_at(folder / "journal.sqlite", AGENT_EPOCH)
    health = Stages.of(100, 100).health
    link = PlcLink(wire, Handshake(Timing(200, 25, 5), AGENT_EPOCH, Facts()), journal, health, 500)
    stop = threading.Event()
    station = threading.Thread(target=_inspect, args=(link, stop, before))
    station.start()
    link.set_ready()
    try:
        yield link
    finally:
        stop.set()
        station.join(5)
        link.close()
        journal.close()


def _inspect(link: PlcLink, stop: threading.Event, before: Callable[[PlcLink, Trigger], object]) -> None:
    for trigger in link.triggers(stop):
        if trigger is not None:
            before(link, trigger)
            link.exposed(trigger)
            verdict, reason = (Verdict.PASS, Reason.OK) if trigger.part_id % 2 else (Verdict.REJECT, Reason.DEFECT)
            link.deliver(Decision(trigger, verdict, reason, time.monotonic_ns()))


def run_program(
    parts: int, agent_words: Callable[[], list[int]], put_words: Callable[[list[int]], object], limit_s: float = 30
) -> dict[int, OutcomeCode]:
    """Scan until so many parts have been decided; what became of each by its id, once each."""
    program, outcomes, announced, next_ms = PlcProgram(1, DECIDE_MS), {}, 0, 0
    end_s = time.monotonic() + limit_s
    while len(outcomes) < parts:
        now_ms = time.monotonic_ns() // 1_000_000
        edges = []
        if program.running and announced < parts and now_ms >= next_ms:
            announced, next_ms = announced + 1, now_ms + PITCH_MS
            edges = [Edge(announced, now_ms)]
        for part in program.scan(now_ms, edges, agent_words() or [0] * AGENT_BLOCK.count):
            assert part.part_id not in outcomes, "decided twice"
            outcomes[part.part_id] = part.outcome
        put_words(program.words)
        assert time.monotonic() < end_s, f"only {len(outcomes)} of {parts} parts decided"
        time.sleep(SCAN_S)
    return outcomes


def check_outcomes(outcomes: dict[int, OutcomeCode]) -> None:
    """A slow computer may lose parts, never pass a wrong one."""
    passed = {part_id for part_id, outcome in outcomes.items() if outcome is OutcomeCode.PASSED}
    rejected = {part_id for part_id, outcome in outcomes.items() if outcome is OutcomeCode.REJECTED}
    assert all(part_id % 2 for part_id in passed)
    assert not any(part_id % 2 for part_id in rejected)
    assert min(len(passed), len(rejected)) >= len(outcomes) / 4, "this run has proved nothing"
