"""What a video source is, by its name: a V4L2 device, a file, or else a stream."""

from __future__ import annotations

import re
from pathlib import Path


def is_device(source: str) -> bool:
    """A V4L2 device, there or not."""
    return source.startswith("/dev/") or Path(source).is_char_device()


def is_file(source: str) -> bool:
    """A video file, there or not."""
    return "://" not in source and not is_device(source)


def shown(source: str) -> str:
    """For messages: a URL's user and password are nobody's business."""
    return re.sub(r"//[^/@]*@", "//…@", source)
