"""The inspection loop: trigger → frame → segment → judge → PLC. Open this file first.

Each part gets exactly one decision. "Could not inspect" is NO_DECISION; whatever is unexpected is NO_DECISION
and the end of the process, which systemd starts again clean.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from agent.cameras import Camera
from agent.errors import Fault, NoDecision
from agent.frame_check import Succession, check_frame
from agent.health import Stages
from agent.inspection import Frame, FrameStats, Image, Inspection, Judgement, Reason, Trigger, Verdict
from agent.inspector import Inspector
from agent.link import Link
from agent.plc.decision import Decision
from agent.view import View


class Station:
    """The deadline path of one station; every part of it is open and checked."""

    def __init__(self, camera: Camera, succession: Succession, view: View, inspector_of: Callable[[Trigger], Inspector],
                 link: Link, stages: Stages) -> None:  # fmt: skip
        self._camera, self._view, self._inspector_of = camera, view, inspector_of
        self._succession, self._link, self._stages = succession, link, stages
        self.health = stages.health

    def run(self, stop: threading.Event) -> None:
        """Inspect part after part until `stop`. Raises Fault for whatever only a clean start can mend."""
        with self._stages.loop.busy():
            for trigger in self._link.triggers(stop):
                self._stages.loop.begin()
                self._inspect_one(trigger) if trigger else self._camera.check()

    def _inspect_one(self, trigger: Trigger) -> None:
        seen = SoFar()
        try:
            self._link.deliver(self._inspect(trigger, seen))
        except NoDecision as cause:
            self._link.deliver(no_decision(trigger, cause.reason, str(cause), seen))
        except Exception as error:  # the one fault boundary: no PASS, and a clean restart
            self._link.deliver(no_decision(trigger, _reason_of(error), str(error), seen))
            raise error if isinstance(error, Fault) else Fault(f"inspection failed: {error!r}") from error

    def _inspect(self, trigger: Trigger, seen: SoFar) -> Decision:
        with self._stages.grab.busy(), seen.timed("grab"):
            seen.frame = self._camera.grab(trigger)
            self._link.exposed(trigger)
            self._succession.check(seen.frame)
            seen.frame = frame = self._view.of(seen.frame)
            inspector = self._inspector_of(trigger)
            job = inspector.jobs[trigger.job]
            seen.frame_stats = check_frame(frame, job.recipe.frame)
        with self._stages.segment.busy(), seen.timed("segment"):
            segmentation = inspector.model.segment(frame.image)
        seen.stages_ms["run"] = segmentation.run_ms
        with seen.timed("judge"):
            judgement = job.judge.judge(segmentation)
        mask = partial(job.judge.mask, segmentation, *frame.image.shape[:2])
        return seen.decision(trigger, judgement, mask=mask)


@dataclass
class SoFar:
    """What is known of one part while it is inspected, and how long each stage took."""

    stages_ms: dict[str, float] = field(default_factory=dict)
    frame: Frame | None = None
    frame_stats: FrameStats | None = None

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time what happens inside under `name`."""
        begun_ns = time.monotonic_ns()
        yield
        self.stages_ms[name] = (time.monotonic_ns() - begun_ns) / 1e6

    def decision(self, trigger: Trigger, judgement: Judgement, detail: str = "",
                 mask: Callable[[], Image] | None = None) -> Decision:  # fmt: skip
        """Settled now, on this evidence."""
        now_ns = time.monotonic_ns()
        evidence = Inspection(trigger, judgement, self.stages_ms, now_ns, self.frame, self.frame_stats, mask)
        return Decision(trigger, judgement.verdict, judgement.reason, now_ns, detail, evidence)


def no_decision(trigger: Trigger, reason: Reason, detail: str, seen: SoFar) -> Decision:
    """The decision for a part that could not be inspected; its photo, if there is one, shows why."""
    if seen.frame is not None and not seen.frame.whole:
        seen.frame = None  # there is nothing to look at, and nobody is to take it for a photo
    return seen.decision(trigger, Judgement(Verdict.NO_DECISION, reason), detail)


def _reason_of(error: Exception) -> Reason:
    return Reason.CAMERA_LOST if isinstance(error, Fault) else Reason.INFERENCE_ERROR
