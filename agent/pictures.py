"""Images as files that every program reads, and back."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from agent.inspection import Image

FAST_PNG = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
"""Several times faster than deflate and, for photos, as small."""


class NoPicture(ValueError):
    """What should be written as a picture is none: it has no pixels, or is of no known kind."""


def png(image: Image) -> bytes:
    """Lossless. uint8, H×W grey or H×W×C, C = 3 (BGR) or 4; of any other C the first channel. Raises NoPicture."""
    return _encoded(".png", image, FAST_PNG)


def jpeg(image: Image, how: Sequence[int] = ()) -> bytes:
    """`how`: OpenCV's flags. Images as `png` takes them. Raises NoPicture."""
    return _encoded(".jpg", image, how)


def decoded(data: bytes, flags: int) -> Image | None:
    """uint8, as OpenCV's `flags` want it; None: it is no picture."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _encoded(suffix: str, image: Image, how: Sequence[int]) -> bytes:
    try:
        rows = image if image.ndim == 2 or image.shape[2] in (3, 4) else image[..., 0]
        return cv2.imencode(suffix, np.ascontiguousarray(rows), how)[1].tobytes()
    except (cv2.error, IndexError) as error:
        raise NoPicture(getattr(error, "err", "") or str(error)) from error
