"""Where parts leave the simulated belt: each is dealt with once, by where the belt is when the arm acts."""

from __future__ import annotations

import time
from collections.abc import Container

from agent.plc.register_map import OutcomeCode
from agent.plc.sim.arm import OPEN, SHUT, Arm, Gate, Outputs
from agent.plc.sim.belt import Act, Belt, BeltPart, TruthLog
from agent.plc.sim.drive import Drive
from agent.plc.sim.eye import Seen
from agent.plc.sim.inputs import Panel
from agent.plc.sim.program import QueuedPart


class RejectStation:
    """The arm, and the truth about what it does."""

    def __init__(self, belt: Belt, drive: Drive, outputs: Outputs, truth: TruthLog, panel: Panel) -> None:
        self._belt, self._drive, self._outputs, self._truth, self._panel = belt, drive, outputs, truth, panel
        self.arm = Arm()
        self._acted: set[int] = set()
        self._next = 0
        """Parts before this one have gone."""

    def act_for(self, part: QueuedPart, seen: Seen, at_s: float) -> None:
        """The program has decided a part: what lies before the arm at `at_s` is let pass or not, whatever it is."""
        by_outcome = OPEN if part.outcome is OutcomeCode.PASSED else SHUT
        ordered = self._outputs.at(at_s) if self._outputs.wiring.by_coils else by_outcome
        index = self._belt.before_arm(self._drive.position_mm(at_s))
        truly = self._still_there(index)
        done = self.arm.act(at_s, ordered, truly is not None)
        outcome = part.outcome.name.lower()
        passed_eye_ms = int(seen.at_s * 1000)
        act = Act(at_s, done.let_pass, done.lane, part.seq, part.part_id, outcome, passed_eye_ms, self._panel.bypass)
        self._truth.write(truly, act)

    def _still_there(self, index: int | None) -> BeltPart | None:
        """The part of that index, which is dealt with by this."""
        if index is None or index in self._acted or index < self._next:
            return None
        part = self._belt.part(index)
        if part is not None:
            self._acted.add(index)
        return part

    def act_at_rest(self, now_s: float, seen_before: int, tracked: Container[int | None]) -> None:
        """Parts of which the PLC knows nothing pass an arm that nobody moves for them.

        The photo-eye has told of those before `seen_before`; `tracked` ones are the program's, which may be late.
        """
        gone_mm = self._drive.position_mm(now_s) - self._belt.arm_mm - self._belt.pitch_mm / 2
        while self._next < seen_before and self._belt.eye_mm(self._next) <= gone_mm:
            if self._next in tracked:
                return
            index, part = self._next, self._belt.part(self._next)
            self._next += 1
            if index in self._acted:
                self._acted.discard(index)
            elif part is not None:
                at_s = self._drive.when_s(self._belt.eye_mm(index) + self._belt.arm_mm) or now_s
                self._let_go(part, at_s, self._outputs.at(at_s))

    def take_off(self, newest: int) -> BeltPart | None:
        """Somebody takes the newest part between photo-eye and arm off the belt; None: there is none."""
        now_s = time.monotonic()
        at_arm = self._belt.nearest(self._drive.position_mm(now_s) - self._belt.arm_mm)
        for index in range(newest, at_arm, -1):
            part = self._belt.part(index)
            if part is not None and index not in self._acted:
                self._belt.take_off(index)
                self._truth.taken_off(part, now_s)
                return part
        return None

    def _let_go(self, part: BeltPart, at_s: float, ordered: Gate) -> None:
        done = self.arm.act(at_s, ordered, part_there=True)
        self._truth.write(part, Act(at_s, done.let_pass, done.lane, bypass=self._panel.bypass))
