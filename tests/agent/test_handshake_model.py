"""Model check of the handshake: PLC program × agent over a wire that loses, tears, repeats and delays.

The checks themselves are in handshake_world.py. The targeted tests below are DESIGN §3.3's amendments, one each.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.inspection import Verdict
from agent.plc.register_map import (
    AGENT_BLOCK,
    PLC_BLOCK,
    OutcomeCode,
)
from tests.agent.handshake_world import SCAN_MS, World

verdicts = st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION])


class HandshakeMachine(RuleBasedStateMachine):
    """Every order of events that hypothesis can think of."""

    @initialize(first_seq=st.sampled_from([0, 1, 14, 65_515, 65_530, 65_534, 65_535]))
    def start(self, first_seq: int) -> None:
        self.world = World(first_seq)
        for _ in range(3):
            self.world.cycle()

    @rule(count=st.integers(1, 6), pitch_ms=st.integers(1, 40), exchanged=st.booleans())
    def parts_pass(self, count: int, pitch_ms: int, exchanged: bool) -> None:
        for _ in range(count):
            self.world.part()
            self.world.cycle(pitch_ms) if exchanged else self.world.advance(pitch_ms)

    @rule(ms=st.integers(1, 300))
    def time_passes(self, ms: int) -> None:
        self.world.advance(ms)

    @rule(cycles=st.integers(1, 10))
    def good_exchanges(self, cycles: int) -> None:
        for _ in range(cycles):
            self.world.cycle()

    @rule(request_ms=st.integers(0, 150), answer_ms=st.integers(0, 150))
    def slow_read(self, request_ms: int, answer_ms: int) -> None:
        sampled = self.world.sample(request_ms, answer_ms)
        self.world.reads.append(sampled[0])
        self.world.observe(*sampled)

    @rule(ms=st.integers(0, 150))
    def lost_read(self, ms: int) -> None:
        """The link drops the connection, and with it whatever was still under way."""
        self.world.sample(ms)
        self.world.reads.clear()
        self.world.tick()

    @precondition(lambda self: self.world.reads)
    @rule(data=st.data())
    def stale_read(self, data: st.DataObject) -> None:
        words = self.world.reads[data.draw(st.integers(0, len(self.world.reads) - 1))]
        self.world.observe(list(words), self.world.now_ns, self.world.now_ns)

    @precondition(lambda self: self.world.reads)
    @rule(data=st.data(), cut=st.integers(1, PLC_BLOCK.count - 1), new_first=st.booleans())
    def torn_read(self, data: st.DataObject, cut: int, new_first: bool) -> None:
        old = self.world.reads[data.draw(st.integers(0, len(self.world.reads) - 1))]
        new, sent_ns, received_ns = self.world.sample()
        words = new[:cut] + old[cut:] if new_first else old[:cut] + new[cut:]
        self.world.observe(words, sent_ns, received_ns)

    @rule(acknowledged=st.booleans())
    def write_arrives(self, acknowledged: bool) -> None:
        self.world.write(acknowledged=acknowledged)

    @rule(cut=st.integers(0, AGENT_BLOCK.count), new_first=st.booleans(), scans=st.integers(0, 3))
    def torn_write(self, cut: int, new_first: bool, scans: int) -> None:
        self.world.write(cut, new_first)
        self.world.advance(scans * SCAN_MS)

    @precondition(lambda self: self.world.writes)
    @rule(data=st.data(), cut=st.integers(0, AGENT_BLOCK.count))
    def stale_write(self, data: st.DataObject, cut: int) -> None:
        """A block that an old connection still had in its buffers, whole or in part."""
        block = self.world.writes[data.draw(st.integers(0, len(self.world.writes) - 1))]
        self.world.plc.agent_words = block[:cut] + self.world.plc.agent_words[cut:]
        self.world.advance(SCAN_MS)

    @precondition(lambda self: self.world.agent.waiting)
    @rule(verdict=verdicts, hold=st.booleans())
    def verdict_comes(self, verdict: Verdict, hold: bool) -> None:
        self.world.release()
        self.world.deliver(self.world.agent.waiting.popleft(), verdict, hold)

    @precondition(lambda self: self.world.agent.waiting)
    @rule(verdict=verdicts)
    def all_verdicts_come(self, verdict: Verdict) -> None:
        self.world.release()
        while self.world.agent.waiting:
            self.world.deliver(self.world.agent.waiting.popleft(), verdict)
        self.world.write()

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
        assert self.world.agent.handshake.settle(again) is None

    @rule()
    def plc_scan_stalls_or_goes_on(self) -> None:
        self.world.plc.stalled = not self.world.plc.stalled

    @rule()
    def agent_is_killed(self) -> None:
        self.world.restart_agent()

    @rule(keep_memory=st.booleans())
    def plc_restarts(self, keep_memory: bool) -> None:
        self.world.restart_plc(keep_memory)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()


TestHandshakeMachine = HandshakeMachine.TestCase
TestHandshakeMachine.settings = settings(
    max_examples=100, stateful_step_count=40, phases=[Phase.generate, Phase.shrink]
)
