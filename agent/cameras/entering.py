"""Parts in a free-running stream: those that `Presence` finds in the station's view, made small."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2
import numpy as np

from agent.camera_config import PresenceConfig
from agent.cameras.part import Part
from agent.cameras.presence import Presence
from agent.errors import Fault, NoDecision
from agent.inspection import Frame, Image, Reason
from agent.view import View

log = logging.getLogger(__name__)

SIDE_PX = 96
"""The longer side of what is looked at: a part is seen just as well, at no cost."""
BLIND_S = 1.0
"""No usable frame for so long, and parts may have passed unseen."""
STANDING_S = 60.0
TELL_NS = 1_000_000_000


class Entering:
    """A part that enters `view` is announced once, by the frame that shows it best."""

    def __init__(self, config: PresenceConfig, view: View) -> None:
        self._presence, self._view = Presence(config), view
        self._shape: tuple[int, ...] | None = None
        self._usable_ns = self._frame_id = self._light_changes = 0
        self._unseen, self._told_ns = 0, 0
        """Frames that never came or could not be used, since that was last told."""
        self._warned_s = 0.0

    def blind(self) -> str:
        """The empty belt has to be seen first."""
        return "" if self._presence.learned else "presence: learning the empty belt: keep the view free of parts"

    def see(self, frame: Frame) -> Sequence[Part]:
        """A part, if this frame brought one to light. Raises Fault when no frame is usable any more."""
        self._count_lost(frame)
        try:
            small = self._small(frame)
        except NoDecision as unusable:
            self._endure(frame, str(unusable))
            return ()
        self._usable_ns = frame.captured_ns
        found = self._presence.see(small, frame)
        self._say(frame.captured_ns)
        return (Part(found.captured_ns, found),) if found else ()

    def _small(self, frame: Frame) -> Image:
        """Grey, SIDE_PX long. Raises NoDecision when the frame is incomplete or of another size than the first."""
        image = self._view.of(frame).image
        self._shape = self._shape or image.shape
        if image.shape != self._shape:
            raise NoDecision(Reason.FRAME_INCOMPLETE, f"size {image.shape} after {self._shape}")
        scale = SIDE_PX / max(image.shape[:2])
        size = (max(3, round(image.shape[1] * scale)), max(3, round(image.shape[0] * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)

    def _endure(self, frame: Frame, why: str) -> None:
        self._usable_ns = self._usable_ns or frame.captured_ns
        self._unseen += 1
        if frame.captured_ns - self._usable_ns > BLIND_S * 1e9:
            raise Fault(f"presence: no usable frame for {BLIND_S:.0f} s ({why}): parts may have passed unseen")

    def _count_lost(self, frame: Frame) -> None:
        if self._frame_id:
            self._unseen += max(0, frame.frame_id - self._frame_id - 1)
        self._frame_id = frame.frame_id

    def _say(self, now_ns: int) -> None:
        if self._unseen and now_ns - self._told_ns > TELL_NS:
            log.warning("presence: %d frames lost or not usable: a fast part may be missed", self._unseen)
            self._unseen, self._told_ns = 0, now_ns
        if self._presence.light_changes != self._light_changes:
            self._light_changes = self._presence.light_changes
            log.warning("presence: the light has changed in the whole view: no part")
        standing_s = self._presence.standing_s()
        if standing_s < self._warned_s:
            self._warned_s = 0.0
        if standing_s >= self._warned_s + STANDING_S:
            self._warned_s = standing_s
            log.warning("presence: a part has been in the view for %.0f s and hides all others: if there is none, "
                        "clear the view and restart the station", standing_s)  # fmt: skip
