"""A new model's first parts: one that cannot be relied on is found out here, and only the part pays for it."""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import NoDecision, first_line
from agent.inspection import Image, Reason
from agent.judge import Segmentation
from agent.segmenter import Segmenter

TRIAL_PARTS = 50
SLOW_PARTS = 3
"""A computer is held up now and then: so many runs in a row are the model's own slowness."""


class OnTrial:
    """In the segmenter's place. `over`, called once and in the loop's thread: "" = it has passed, else why not."""

    def __init__(self, segmenter: Segmenter, allowed_ms: float, over: Callable[[OnTrial, str], None]) -> None:
        self.segmenter, self._allowed_ms, self._over = segmenter, allowed_ms, over
        self._parts = self._slow = 0
        self._running = True

    def segment(self, image: Image) -> Segmentation:
        """As the segmenter; while the trial runs, an exception is no fault of the station but NoDecision."""
        if not self._running:
            return self.segmenter.segment(image)
        try:
            found = self.segmenter.segment(image)
        except NoDecision as error:
            self._end(str(error))
            raise
        except Exception as error:  # whatever the runtime raises: the old model goes on without a restart
            why = f"inference failed: {first_line(error)}"
            self._end(why)
            raise NoDecision(Reason.INFERENCE_ERROR, why) from error
        self._count(found.run_ms)
        return found

    def _count(self, run_ms: float) -> None:
        self._parts += 1
        self._slow = self._slow + 1 if run_ms > self._allowed_ms else 0
        if self._slow >= SLOW_PARTS:
            self._end(
                f"{SLOW_PARTS} runs in a row took longer than {self._allowed_ms:.1f} ms, the last {run_ms:.1f} ms"
            )
        elif self._parts >= TRIAL_PARTS:
            self._end("")

    def _end(self, why_not: str) -> None:
        self._running = False
        self._over(self, why_not)
