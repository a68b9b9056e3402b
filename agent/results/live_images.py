"""The photo and the mask that travel with a live result, in formats that every program reads."""

from __future__ import annotations

import logging
from collections import deque

import zmq

from agent.inspection import Inspection
from agent.log.about import about
from agent.log.happening import Happening
from agent.messages import PayloadPart
from agent.pictures import NoPicture, jpeg, png
from agent.plc.decision import Closed

log = logging.getLogger(__name__)

UNDER_WAY_BYTES = 256_000_000
"""While so much waits in ZeroMQ for peers that do not read, results go without images."""
Payload = list[tuple[PayloadPart, zmq.Frame]]


class LiveImages:
    """Encodes what is wanted (`images` of [publisher]), and knows how much of it is still on its way."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._under_way: deque[tuple[zmq.MessageTracker, int]] = deque()

    def of(self, closed: Closed | None) -> Inspection | None:
        """What is to be encoded for this part, if anything."""
        seen = closed.decision.evidence if closed else None
        if seen is None or closed is None or self._wanted == "none":
            return None
        return None if self._wanted == "not_passed" and closed.verdict.value == "pass" else seen

    def encode(self, seen: Inspection) -> Payload:
        """Its payload frames: JPEG of the photo, PNG of the mask. Nothing while too much is under way."""
        self._under_way = deque(part for part in self._under_way if not part[0].done)
        if sum(nbytes for _, nbytes in self._under_way) > UNDER_WAY_BYTES:
            return []
        try:
            photo = [self._part("frame", "image/jpeg", jpeg(seen.frame.image))] if seen.frame else []
            return photo + ([self._part("mask", "image/png", png(seen.mask()))] if seen.mask else [])
        except NoPicture as error:
            log.error("the image of part %d cannot be encoded: %s", seen.trigger.part_id, error,
                      extra=about(Happening.RECORD_TROUBLE, seen.trigger))  # fmt: skip
            return []

    def _part(self, name: str, mime: str, data: bytes) -> tuple[PayloadPart, zmq.Frame]:
        frame = zmq.Frame(data, track=True, copy=False, copy_threshold=0)  # ZeroMQ tells when the last peer has it
        assert isinstance(frame.tracker, zmq.MessageTracker)
        self._under_way.append((frame.tracker, len(data)))
        return PayloadPart.model_validate({"name": name, "mime": mime, "nbytes": len(data)}), frame
