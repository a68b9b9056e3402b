"""The newest photo that the station has inspected, for whoever asks to see it; encoded only then."""

from __future__ import annotations

import time

from agent.errors import Fault
from agent.inspection import Image, Inspection
from agent.messages import ControlRequest, PayloadPart, ResultMessage
from agent.pictures import NoPicture, png
from agent.plc.decision import Closed
from agent.results.control import Done


class NewestPhoto:
    """Keeps hold of one photo; nothing is copied."""

    def __init__(self) -> None:
        self._newest: tuple[ResultMessage, Inspection] | None = None

    def completed(self, message: ResultMessage, closed: Closed | None) -> None:
        """A row is complete, with its photo or without one."""
        seen = closed.decision.evidence if closed else None
        if seen is not None and seen.frame is not None:
            self._newest = message, seen

    def show(self, request: ControlRequest) -> Done:
        """The photo, with its mask if it was judged, as PNG. Raises Fault when there is none to show."""
        newest = self._newest
        if newest is None or newest[1].frame is None:
            raise Fault("no photo yet: no part has been inspected since the station's start")
        message, seen = newest
        try:
            images = [_png("frame", newest[1].frame.image)] + ([_png("mask", seen.mask())] if seen.mask else [])
        except NoPicture as error:
            raise Fault(f"the photo of part {message.part_id} cannot be encoded: {error}") from error
        age_s = (time.monotonic_ns() - newest[1].frame.captured_ns) / 1e9
        return Done(f"part {message.part_id}, {message.verdict}, photo {age_s:.1f} s old", images=tuple(images))


def _png(name: str, image: Image) -> tuple[PayloadPart, bytes]:
    data = png(image)
    return PayloadPart.model_validate({"name": name, "mime": "image/png", "nbytes": len(data)}), data
