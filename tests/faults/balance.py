"""What became of all parts of a run, as the ledgers and the script say together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Balance:
    """What became of all parts."""

    triggers: int
    passed: int
    rejected: int
    no_decision: int
    """By the journal, which says it of every part that the PLC had no verdict for, too."""
    escapes: int
    """Let through although the script did not say PASS of them."""
    duplicates: int
    """Outcomes or rows beyond one a part."""
    late: int
    """Rows with a verdict that came too late."""

    @property
    def no_decision_share(self) -> float:
        return self.no_decision / self.triggers
