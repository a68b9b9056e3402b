"""Long runs of the pure handshake: every counter wraps (F7), the PLC restarts again and again (F6), 10⁶ steps (F23)."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from agent.inspection import Reason, Verdict
from agent.plc.decision import Decision, Timing
from agent.plc.handshake import Handshake
from agent.plc.register_map import AGENT_BLOCK, VerdictCode
from agent.plc.sim.inputs import BeltInputs, Edge
from agent.plc.sim.program import QueuedPart
from tests.agent.handshake_world import GOOD, MS, Plc, World
from tests.agent.test_handshake_model import HandshakeMachine
from tests.faults.sizes import FULL_TIMEOUT_S, SEED, sized

U16, U32 = 1 << 16, 1 << 32
VERDICTS = (Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION)
CODES = (VerdictCode.PASS, VerdictCode.REJECT, VerdictCode.NO_DECISION)
COUNTERS = ("PASS_CNT", "REJECT_CNT", "NO_DECISION_CNT")


class Wrapping:
    """PLC and agent in step, 10 ms a scan, with every number close to its end at the start.

    Decided by the encoder; part n of the run has the verdict VERDICTS[n mod 3].
    """

    A_SCAN, SCAN_MS, COUNTS_A_SCAN = 15, 10, 100
    COUNTED_BEFORE = U16 - 300

    def __init__(self, total: int) -> None:
        self.total = total
        self.program = Plc.started(U16 - 1, U16 - 200, None, decide_counts=250).program
        self.handshake = Handshake(Timing(100, 5, 10), U16 - 1)
        self.program._heartbeat, self.handshake._heartbeat = U16 - 300, U16 - 400
        counters = self.handshake.ledger.counters
        counters.passed = counters.rejected = counters.no_decision = self.COUNTED_BEFORE
        self.block = self.handshake.block(GOOD, True)
        self.now_ms, self.encoder = U16 - 500, U32 - 5_000
        self.announced = self.decided = self.closed = 0

    def scan(self) -> None:
        """Parts to the photo-eye, a scan, a read, every verdict, a write."""
        self.now_ms += self.SCAN_MS
        self.encoder += self.COUNTS_A_SCAN
        count = min(self.A_SCAN, self.total - self.announced) if self.program.agent_ready else 0
        edges = [self._edge(self.announced + number) for number in range(count)]
        self.announced += count
        belt = BeltInputs(self.encoder % U32, 1000 * self.COUNTS_A_SCAN // self.SCAN_MS)
        for part in self.program.scan(self.now_ms, edges, self.block, belt):
            self._check(part)
        seen = self.handshake.observe(self.program.words, self.now_ms * MS, self.now_ms * MS)
        assert not seen.settled
        for trigger in seen.triggers:
            verdict = VERDICTS[(trigger.part_id - self._part_id(0)) % U32 % 3]
            settled = self.handshake.ledger.settle(Decision(trigger, verdict, Reason.OK, self.now_ms * MS))
            assert settled is not None
            assert settled.verdict is verdict
            self.handshake.release(settled)
        self._check_closed()
        self.block = self.handshake.block(GOOD, True)

    def _edge(self, number: int) -> Edge:
        return Edge(self._part_id(number), self.now_ms, self.encoder % U32)

    def _part_id(self, number: int) -> int:
        return (U32 - 100 + number) % U32

    def _check(self, part: QueuedPart) -> None:
        assert part.part_id == self._part_id(self.decided)
        assert int(part.outcome) == int(CODES[self.decided % 3]), f"part {self.decided}"
        self.decided += 1

    def _check_closed(self) -> None:
        for end in self.handshake.ledger.close(self.now_ms * MS):
            assert end.decision.trigger.part_id == self._part_id(self.closed)
            assert end.verdict is VERDICTS[self.closed % 3]
            self.closed += 1


@sized(("parts",), (20_000,), (200_000,))
def test_f7_parts_over_every_wrap(parts: int) -> None:
    """Every part its own verdict, every id in step, each settled and closed once, in order."""
    run = Wrapping(parts)
    while run.closed < run.total:
        run.scan()
    assert run.announced == run.decided == run.closed
    counted = [run.COUNTED_BEFORE + len(range(first, run.total, 3)) for first in range(3)]
    assert min(counted) > U16, "the counters have not wrapped"
    assert [AGENT_BLOCK.get(run.block, name) for name in COUNTERS] == [count % U16 for count in counted]


@sized(("restarts",), (50,), (1_000,))
def test_f6_the_plc_restarts_in_the_middle_of_a_batch(restarts: int) -> None:
    """What is right and what is not, World knows; each epoch has parts open, settled, on the wire and decided."""
    chance = random.Random(SEED)
    world = World()
    for number in range(restarts):
        for _ in range(3):
            world.cycle()
        for _ in range(chance.randrange(2, 14)):
            world.part()
            world.cycle(chance.randrange(1, 30))
            while world.agent.waiting and chance.random() < 0.4:
                world.deliver(world.agent.waiting.popleft(), chance.choice(VERDICTS))
        world.agent.waiting.clear()
        world.restart_plc(keep_memory=number % 2 == 0)
    world.finish()
    reasons = [closed.reason for closed in world.agent.closed]
    assert reasons.count(Reason.EPOCH_CHANGED) >= restarts / 2, "this run has proved nothing"


@pytest.mark.faults
@pytest.mark.timeout(FULL_TIMEOUT_S)
def test_f23_a_million_steps_of_the_model() -> None:
    """New examples each time; a failure prints how to repeat it."""
    steps = 50
    run_state_machine_as_test(
        HandshakeMachine,
        settings=settings(
            max_examples=1_000_000 // steps, stateful_step_count=steps, derandomize=False, print_blob=True,
            deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )  # fmt: skip
