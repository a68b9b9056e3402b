"""Model check of profile B: PLC program × agent over connections that break and leave writes behind.

The checks themselves are in bits_world.py.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.inspection import Verdict
from tests.plc.bits_agent import DECIDE_MS, FAULTS, SCAN_MS, Fault
from tests.plc.bits_world import BitsWorld

verdicts = st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION])


class BitsMachine(RuleBasedStateMachine):
    """Every order of events that hypothesis can think of."""

    @initialize(agent_epoch=st.sampled_from([0, 1, 2, 255]))
    def start(self, agent_epoch: int) -> None:
        """Numbers begin with 1, or are about to wrap at 65535."""
        self.world = BitsWorld(agent_epoch)
        for _ in range(30):
            self.world.cycle()

    @rule(count=st.integers(1, 4), pitch_ms=st.integers(1, DECIDE_MS + 40), exchanged=st.booleans())
    def parts_pass(self, count: int, pitch_ms: int, exchanged: bool) -> None:
        for _ in range(count):
            self.world.part()
            for _ in range(pitch_ms // 10):
                self.world.cycle() if exchanged else self.world.advance(10)
            self.world.advance(pitch_ms % 10)

    @rule(
        verdict=verdicts,
        idle_cycles=st.sampled_from([0, 3, 25, 25]),
        fault=st.sampled_from(FAULTS),
        faulty=st.sampled_from([None, None, 0, 1, 2, 3]),
        late=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=3),
    )
    def part_is_inspected(
        self, verdict: Verdict, idle_cycles: int, fault: Fault, faulty: int | None, late: list[tuple[int, int]]
    ) -> None:
        """Nothing in flight, then seen, acknowledged, judged, answered; `faulty`: one of these four requests breaks.

        `late`: at these moments a write arrives that was left over earlier.
        """
        for _ in range(idle_cycles):
            self.world.cycle()
        self._late_writes(late, 0)
        self.world.part()
        self.world.advance(SCAN_MS)
        self.world.read()
        self._late_writes(late, 1)
        self.world.write(fault=fault if faulty in (0, 1) else None, at_coils=faulty == 1)
        self._late_writes(late, 2)
        self.world.release()
        while self.world.agent.waiting:
            self.world.deliver(self.world.agent.waiting.popleft(), verdict)
        self._late_writes(late, 3)
        self.world.write(SCAN_MS, fault if faulty in (2, 3) else None, at_coils=faulty == 3)
        self._late_writes(late, 4)

    def _late_writes(self, late: list[tuple[int, int]], moment: int) -> None:
        for when, index in late:
            if when == moment and self.world.left_over:
                self.world.late_write(index % len(self.world.left_over))
        self.world.advance(SCAN_MS if moment else 1)

    @rule(ms=st.integers(1, 250))
    def time_passes(self, ms: int) -> None:
        self.world.advance(ms)

    @rule(cycles=st.integers(1, 25))
    def good_exchanges(self, cycles: int) -> None:
        for _ in range(cycles):
            self.world.cycle()

    @rule(request_ms=st.integers(0, 60), answer_ms=st.integers(0, 60), lost=st.booleans())
    def read(self, request_ms: int, answer_ms: int, lost: bool) -> None:
        self.world.read(request_ms, answer_ms, lost)

    @rule(between_ms=st.integers(0, 20), cut=st.integers(0, 3))
    def write(self, between_ms: int, cut: int) -> None:
        self.world.write(between_ms, cut=cut)

    @rule(fault=st.sampled_from(FAULTS), at_coils=st.booleans(), scans=st.integers(0, 3))
    def write_fails(self, fault: Fault, at_coils: bool, scans: int) -> None:
        self.world.write(fault=fault, at_coils=at_coils)
        self.world.advance(scans * SCAN_MS)

    @precondition(lambda self: self.world.left_over)
    @rule(data=st.data(), scans=st.integers(0, 1))
    def left_over_write_arrives(self, data: st.DataObject, scans: int) -> None:
        self.world.late_write(data.draw(st.integers(0, len(self.world.left_over) - 1)))
        self.world.advance(scans * SCAN_MS)

    @precondition(lambda self: self.world.agent.waiting)
    @rule(verdict=verdicts, hold=st.booleans())
    def verdict_comes(self, verdict: Verdict, hold: bool) -> None:
        self.world.release()
        self.world.deliver(self.world.agent.waiting.popleft(), verdict, hold)

    @precondition(lambda self: self.world.agent.held)
    @rule(required=st.booleans())
    def journal_answers(self, required: bool) -> None:
        self.world.withdraw() if required else self.world.release()

    @precondition(lambda self: self.world.agent.waiting)
    @rule()
    def verdict_never_comes(self) -> None:
        self.world.agent.waiting.popleft()

    @precondition(lambda self: self.world.agent.delivered)
    @rule(data=st.data(), verdict=verdicts)
    def verdict_comes_again(self, data: st.DataObject, verdict: Verdict) -> None:
        earlier = data.draw(st.sampled_from(self.world.agent.delivered))
        again = replace(earlier, verdict=verdict, settled_ns=self.world.now_ns)
        assert self.world.agent.handshake.ledger.settle(again) is None

    @rule(ms=st.integers(1, 250), parts=st.integers(0, 2), exchanged=st.booleans())
    def plc_scan_stalls(self, ms: int, parts: int, exchanged: bool) -> None:
        """Its communication goes on meanwhile."""
        self.world.stalled = True
        for _ in range(parts):
            self.world.part()
            self.world.advance(ms // 2)
        self.world.cycle(ms) if exchanged else self.world.advance(ms)
        self.world.stalled = False

    @rule(pauses=st.booleans(), idle_cycles=st.sampled_from([0, 3, 25]), scanned=st.booleans())
    def operator_gives_an_order_while_a_part_passes(self, pauses: bool, idle_cycles: int, scanned: bool) -> None:
        """Pause and resume, or the other one of two recipes; the PLC may have announced the part by then."""
        for _ in range(idle_cycles):
            self.world.cycle()
        self.world.part()
        self.world.advance(SCAN_MS if scanned else 1)
        if pauses:
            self.world.pause("" if self.world.paused_by else "R. Diaz")
        else:
            self.world.select_job(3 - self.world.own_job)
        self.world.advance(SCAN_MS)
        self.world.read()

    @rule()
    def agent_is_killed(self) -> None:
        self.world.restart_agent()

    @rule(keep_memory=st.booleans())
    def plc_restarts(self, keep_memory: bool) -> None:
        self.world.restart_plc(keep_memory)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()


TestBitsMachine = BitsMachine.TestCase
TestBitsMachine.settings = settings(max_examples=200, stateful_step_count=40, phases=[Phase.generate, Phase.shrink])
