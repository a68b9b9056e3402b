"""The vocabulary of an inspection: frozen records, no I/O.

Times ending in `_ns` are CLOCK_MONOTONIC nanoseconds of this computer; `message_id` is the
journal's, `trigger_seq` the PLC's wrapping u16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from agent.setup import Setup

Image = NDArray[np.uint8]
STAGES = {
    "grab": "trigger seen → frame in hand",
    "run": "bare run of the model",
    "segment": "frame → class map (letterbox, run, checks)",
    "judge": "class map → verdict",
    "write": "verdict → journal row and PLC write acknowledged",
    "total": "photo-eye → PLC write acknowledged",
}
"""What is timed of each part: the keys of latencies_ms, and what each stands for."""


class Verdict(StrEnum):
    """What Linegate says of a part. Only PASS lets it through."""

    PASS = "pass"
    REJECT = "reject"
    NO_DECISION = "no_decision"


class Reason(IntEnum):
    """Why a verdict is what it is; the number goes to the PLC's result slot and ERROR_CODE."""

    OK = 0
    DEFECT = 1
    REJECT_ALL = 2
    CHALLENGE = 3
    CHALLENGE_REJECTED = 4
    MAP_ID = 10
    EPOCH_CHANGED = 11
    CAMERA_LOST = 20
    FRAME_TIMEOUT = 21
    FRAME_INCOMPLETE = 22
    FRAME_QUALITY = 23
    FRAME_MISMATCH = 24
    CAPTURE_WINDOW = 25
    FRAME_STALE = 26
    FRAME_SIZE = 27
    MODEL_NOT_LOADED = 30
    INFERENCE_ERROR = 31
    DEADLINE = 32
    OUTPUT_INVALID = 33
    PLC_LINK = 40
    JOB_UNKNOWN = 41
    RING_OVERRUN = 42
    JOB_CHANGE = 43
    OFFLINE = 44
    JOURNAL = 50
    AGENT_DOWN = 60


class PlcAction(StrEnum):
    """What the PLC says it did with the part (its own outcome words), once it has decided."""

    PASSED = "passed"
    REJECTED = "rejected"
    REJECTED_NO_DECISION = "rejected_no_decision"
    REJECTED_NO_VERDICT = "rejected_no_verdict"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Trigger:
    """One part announced by the PLC.

    `earliest_ns`..`latest_ns` bound the instant of the photo-eye edge on this computer's clock;
    `deadline_ns` is the last moment for a PASS, the guard already taken off.
    """

    seq: int
    part_id: int
    plc_epoch: int
    earliest_ns: int
    latest_ns: int
    deadline_ns: int
    seen_ns: int
    bypass: bool = False
    challenge: bool = False
    """A part known to be bad, sent through to test the station: out of yield, and never a PASS."""
    job: int = 0
    """The recipe in use when the part was announced; it keeps it."""
    enc: int = 0
    """Encoder count (low word) when the photo-eye fired."""
    setup: Setup | None = field(default=None, compare=False)
    """Model and recipes in force when the part was announced; it keeps them. None: nobody has announced it."""
    counted: bool = True
    """Does `seq` count every part that passes the photo-eye, as the camera's frame number does? Not in profile B."""

    @property
    def key(self) -> tuple[int, int]:
        """(plc_epoch, seq): what makes a trigger itself until the sequence wraps."""
        return self.plc_epoch, self.seq


@dataclass(frozen=True, eq=False)
class Frame:
    """One photo, uint8 HxW (grey) or HxWxC, as the camera gave it. Equal only to itself: arrays have no truth value."""

    image: Image
    frame_id: int
    captured_ns: int
    exposure_us: float = 0.0
    complete: bool = True
    simulated: bool = False
    received_ns: int = 0
    """When its driver had the whole of it."""

    @property
    def whole(self) -> bool:
        """Is there a photo to look at?"""
        return self.complete and self.image.size > 0


@dataclass(frozen=True)
class Defect:
    """One connected region of one defect class, measured in the station's millimetres."""

    name: str
    score: float
    area_mm2: float
    length_mm: float
    x_mm: float
    y_mm: float
    counts: bool
    """True when it meets every limit of its rule, so that its action applies."""


@dataclass(frozen=True)
class Judgement:
    """What the judge made of one segmentation."""

    verdict: Verdict
    reason: Reason
    defects: tuple[Defect, ...] = ()
    alarm: bool = False
    peak_scores: dict[str, float] = field(default_factory=dict)
    """Highest score of each class anywhere on the part, so that a near miss stays visible."""
    margin: float | None = None
    """How far the class nearest to its threshold is from it, by the score that enough pixels reach: 0 = doubtful."""


@dataclass(frozen=True)
class FrameStats:
    """What drifts when light, lens or camera do."""

    mean_grey: float
    sharpness: float


@dataclass(frozen=True)
class Inspection:
    """One part's way through the station: what was decided, on what evidence, and how long it took."""

    trigger: Trigger
    judgement: Judgement
    stages_ms: dict[str, float]
    decided_ns: int
    frame: Frame | None = None
    frame_stats: FrameStats | None = None
    mask: Callable[[], Image] | None = None
    """Draws uint8 HxW in the frame's pixels: class index where a score reaches its threshold, else 0."""

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict
