"""The records that pass between station, handshake, link and journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.inspection import Inspection, PlcAction, Reason, Trigger, Verdict
from agent.plc.register_map import Ctrl

NO_CTRL = Ctrl(0)
MS = 1_000_000
"""Nanoseconds."""


@dataclass(frozen=True)
class Timing:
    """The limits of DESIGN §3.3, all in ms."""

    capture_window_ms: float
    guard_ms: float
    scan_ms: float


@dataclass(frozen=True)
class Sampled:
    """When a block was asked for and when it came: the PLC's memory was sampled in between."""

    sent_ns: int
    received_ns: int


@dataclass(frozen=True)
class Decision:
    """What was settled for one part, and by when it must be at the PLC."""

    trigger: Trigger
    verdict: Verdict
    reason: Reason
    settled_ns: int
    detail: str = ""
    evidence: Inspection | None = None
    """What the station saw; None where nothing was inspected."""


@dataclass(frozen=True)
class Closed:
    """The end of one part: the verdict as the PLC has it, and what it did with the part."""

    decision: Decision
    verdict: Verdict
    reason: Reason
    acknowledged_ns: int | None
    plc_action: PlcAction
    late_verdict: Verdict | None = None
    in_time: bool | None = None
    """Did the PLC acknowledge it before the part's deadline? None: it never did."""
    bypass: bool = False
    """BYPASS was on at some time between trigger and outcome."""

    @property
    def passed_unproven(self) -> bool:
        """The PLC let it go without a PASS, and nobody had told it to; BYPASS is no leave for a known bad part."""
        told = self.bypass and not self.decision.trigger.challenge
        return self.plc_action is PlcAction.PASSED and self.verdict is not Verdict.PASS and not told


@dataclass(frozen=True)
class Situation:
    """What the PLC is being told: names of the bits in STATUS and ALARM."""

    status: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    write_gap_ms: float = 0.0
    """Longest time between two writes that the PLC has confirmed, since last asked."""
    torn_reads: int = 0
    """Reads that were discarded, since the start."""
    inspected: int = 0
    """Parts whose photo was judged in time, since the start."""
    no_decisions: Mapping[str, int] = field(default_factory=dict)
    """How many for which reason, since the start."""
    unsolicited_frames: int = 0
    """Frames that belong to no part, since the start."""


@dataclass(frozen=True)
class Observation:
    """What one read of the PLC's block brought."""

    triggers: tuple[Trigger, ...] = ()
    settled: tuple[Decision, ...] = ()
    """Parts that must not be photographed any more: stale, overrun, or of an epoch that ended."""
    torn: bool = False
    born: tuple[int, int] | None = None
    """(plc_epoch, TRIG_HEAD) at the first good read of an epoch: what lies before it was not ours to inspect."""
    heartbeat: int = 0
    ctrl: Ctrl = NO_CTRL
