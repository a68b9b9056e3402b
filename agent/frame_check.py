"""Is this photo proof of anything? Pure checks before the segmenter sees it."""

from __future__ import annotations

import cv2

from agent.errors import NoDecision
from agent.inspection import Frame, Reason
from agent.recipe import FrameLimits


def check_frame(frame: Frame, limits: FrameLimits) -> None:
    """Raise NoDecision when the frame is outside the recipe's brightness limits."""
    mean = float(cv2.meanStdDev(frame.image)[0].mean())
    if not limits.min_mean_grey <= mean <= limits.max_mean_grey:
        raise NoDecision(
            Reason.FRAME_QUALITY,
            f"mean grey {mean:.0f} outside {limits.min_mean_grey:.0f}..{limits.max_mean_grey:.0f}",
        )
    saturated = float((frame.image == 255).mean())
    if saturated > limits.max_saturated:
        raise NoDecision(Reason.FRAME_QUALITY, f"{saturated:.0%} of the pixels saturated")
