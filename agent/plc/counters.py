"""The counters that the PLC reads: u16, wrapping, since the agent's start or the newest CLEAR_COUNTERS. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.inspection import Verdict
from agent.plc.decision import Decision
from agent.plc.register_map import AGENT_BLOCK


@dataclass
class Counters:
    """Named as their registers are."""

    passed: int = 0
    rejected: int = 0
    no_decision: int = 0
    missed: int = 0
    late: int = 0
    challenges: int = 0
    missed_rejects: int = 0
    unconfirmed: int = 0

    def decided(self, decision: Decision) -> None:
        """One decision is final; CHALLENGE_CNT counts the expected rejects among them once more."""
        verdict = decision.verdict
        self.passed += verdict is Verdict.PASS
        self.rejected += verdict is Verdict.REJECT
        self.no_decision += verdict is Verdict.NO_DECISION
        self.challenges += verdict is Verdict.REJECT and decision.trigger.challenge

    def put(self, words: list[int]) -> None:
        """Write them into the agent's block."""
        for name, value in (
            ("PASS_CNT", self.passed),
            ("REJECT_CNT", self.rejected),
            ("NO_DECISION_CNT", self.no_decision),
            ("MISSED_CNT", self.missed),
            ("LATE_CNT", self.late),
            ("CHALLENGE_CNT", self.challenges),
            ("MISSED_REJECT_CNT", self.missed_rejects),
            ("UNCONFIRMED_CNT", self.unconfirmed),
        ):
            AGENT_BLOCK.put(words, name, value & 0xFFFF)
