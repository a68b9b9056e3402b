"""GenICam's pixel formats (PFNC names) → 8-bit images. Pure."""

from __future__ import annotations

from agent.inspection import Image


def to_image(pixel_format: str, data: memoryview, height_px: int, width_px: int) -> Image:
    """One frame's bytes → uint8 HxW, or HxWx3 (BGR) of colour formats; no copy where the bytes are the image already.

    10 to 16 bits lose their low bits; Bayer is decoded. Raises ConfigError for a format that is not supported,
    NoDecision(FRAME_INCOMPLETE) for too few bytes.
    """
    raise NotImplementedError
