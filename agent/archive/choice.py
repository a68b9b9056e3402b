"""Which images are kept, and why. Pure; after a restart it is the same choice."""

from __future__ import annotations

import zlib

from agent.archive.layout import Why
from agent.inspection import Reason
from agent.messages import ResultMessage
from agent.results_config import ArchiveConfig

ORDERED_REJECT = Reason.REJECT_ALL.name.lower()


def why_kept(message: ResultMessage, config: ArchiveConfig) -> Why | None:
    """One reason for each image, the weightiest; None = it is not kept.

    A challenge part and one under BYPASS are judged like any other, and so are kept. What would have passed but for the
    PLC's REJECT_ALL counts as passed: an order that stands for hours must not drive the evidence out.
    """
    if message.verdict == "reject" and message.reason != ORDERED_REJECT:
        return Why.REJECT
    if message.verdict == "no_decision":
        return Why.NO_DECISION
    if is_uncertain(message, config.uncertain_margin):
        return Why.UNCERTAIN
    return Why.SAMPLE if _drawn(message.message_id, config.pass_every) else None


def is_uncertain(message: ResultMessage, margin: float) -> bool:
    """Does some score lie as near to its threshold as this, whatever the verdict?"""
    return message.margin is not None and message.margin <= margin


def _drawn(message_id: int, every: int) -> bool:
    """One in `every`, without a beat that a carousel or a mould with many nests could fall in with."""
    return every > 0 and zlib.crc32(message_id.to_bytes(8, "big")) % every == 0
