"""Parts with photo and mask, their way through a real journal, and an archive that listens to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agent.archive.archive import Archive
from agent.event import Event
from agent.inspection import Defect, Frame, Image, Inspection, Judgement, Reason, Verdict
from agent.journal.journal import Journal
from agent.messages import ResultMessage
from agent.plc.decision import Decision
from agent.raised import Raised
from agent.results_config import ArchiveConfig
from tests.results.records import closed, identity, trigger, until_written
from tests.waiting import wait_until

CLASSES = ("background", "blowhole", "break", "crack", "fray", "uneven")
REASONS = {Verdict.PASS: Reason.OK, Verdict.REJECT: Reason.DEFECT, Verdict.NO_DECISION: Reason.DEADLINE}
ROOMY = {"min_free_gb": 0.0}


def photo(seq: int = 1, colour: bool = False) -> Image:
    """40 × 60 px that no other part has."""
    return np.random.default_rng(seq).integers(0, 255, (40, 60, 3) if colour else (40, 60), np.uint8)


def spots(*indices: int) -> Image:
    """A mask with a region of each class, each larger than the one before."""
    mask = np.zeros((40, 60), np.uint8)
    for place, index in enumerate(indices):
        mask[10 * place + 1 : 10 * place + 8, 1 : 12 + 10 * place] = index
    return mask


def defects(*indices: int) -> tuple[Defect, ...]:
    """As the judge lists them, the largest first."""
    found = [Defect(CLASSES[index], 0.9, 1.0 + place, 2.0, 3.0, 4.0, True) for place, index in enumerate(indices)]
    return tuple(reversed(found))


def pictured(
    seq: int,
    verdict: Verdict = Verdict.REJECT,
    *,
    margin: float | None = 0.4,
    image: Image | None = None,
    found: tuple[int, ...] | None = None,
    reason: Reason | None = None,
) -> Decision:
    """What the station hands on of one part; `found`: classes of its defects."""
    found = ((3,) if verdict is Verdict.REJECT else ()) if found is None else found
    seen = Verdict.REJECT if found else Verdict.PASS
    judgement = Judgement(seen, REASONS[seen], defects(*found), peak_scores={"crack": 0.7}, margin=margin)
    frame = Frame(photo(seq) if image is None else image, seq, 0)
    now_ns = time.monotonic_ns()
    evidence = Inspection(trigger(seq), judgement, {}, now_ns, frame, None, lambda: spots(*found))
    return Decision(evidence.trigger, verdict, reason or REASONS[verdict], now_ns, evidence=evidence)


def unseen(seq: int) -> Decision:
    """A part that there is a photo of, but nobody has judged it."""
    decided = pictured(seq, Verdict.NO_DECISION, reason=Reason.FRAME_QUALITY)
    assert decided.evidence is not None
    blind = replace(decided.evidence, mask=None, judgement=Judgement(Verdict.NO_DECISION, Reason.FRAME_QUALITY))
    return replace(decided, evidence=blind)


def message(message_id: int = 1, **values: object) -> ResultMessage:
    """A completed row with these values; it passed."""
    row = {
        "message_id": message_id, "kind": "inspection", "line": "line1", "station": "cam1", "plc_epoch": 1,
        "agent_epoch": 1, "trigger_seq": 1, "part_id": 1, "triggered_ns": 1, "decided_ns": 2,
        "decided_utc": "2026-11-27T06:15:30.123+00:00", "verdict": "pass", "reason": "ok", "detail": "", "valid": True,
        "defects": [], "peak_scores": {}, "margin": 0.4, "latencies_ms": {}, "acknowledged_ns": None, "in_time": None,
        "plc_action": "passed", "late_verdict": None, "bypass": False, "model_sha256": "", "recipe": "tile",
        "recipe_sha256": "", "job": 1, "simulated": True,
    }  # fmt: skip
    return ResultMessage.model_validate(row | values)


def complete(journal: Journal, *decisions: Decision) -> None:
    """The whole way of these parts, until every listener has had them."""
    for decided in decisions:
        assert journal.commit(decided)
        journal.complete(closed(decided))
    until_written(journal)


class Kept:
    """A journal and an archive in one folder, as a station wires them."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.folder = path / "archive"
        self.events: list[Event] = []
        self.raised = Raised()
        self.config = ArchiveConfig(**ROOMY | settings)
        own = replace(identity(), setup=replace(identity().setup, classes=CLASSES))
        self.journal = Journal(path / "journal.sqlite", own, 5000, required=False)
        self.archive = Archive(self.config, self.folder, own, self.events.append, self.raised)
        self.journal.on_completed(self.archive.take)

    def keep(self, *decisions: Decision) -> None:
        """Until all that was taken is on disk."""
        complete(self.journal, *decisions)
        self.until(lambda: not self.archive.upkeep()["archive_waiting"])

    def until(self, met: Callable[[], bool]) -> None:
        wait_until(met, shown=self.archive.upkeep)

    def names(self) -> list[str]:
        """Of the files, without the time in them."""
        return sorted(path.name.split("_", 1)[1] for path in self.folder.glob("*/*"))

    def close(self) -> None:
        self.journal.close()
        self.archive.close()


@contextmanager
def kept_at(path: Path, **settings: Any) -> Iterator[Kept]:
    """Closed at the end."""
    kept = Kept(path, **settings)
    try:
        yield kept
    finally:
        kept.close()
