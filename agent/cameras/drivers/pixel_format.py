"""GenICam's pixel formats (PFNC names) → 8-bit images. Pure.

A name is a layout (Mono, BayerRG, RGB …) and how its samples are stored (8, 12, 12p, 12Packed …).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigError, NoDecision
from agent.inspection import Image, Reason

OTHER_NAMES = {
    "RGB8Packed": "RGB8",
    "BGR8Packed": "BGR8",
    "YUV422_8": "YUYV8",
    "YCbCr422_8": "YUYV8",
    "YUV422_8_UYVY": "UYVY8",
    "YUV422Packed": "UYVY8",
}
SUPPORTED = "Mono, BayerRG, BayerGR, BayerGB, BayerBG, RGB, BGR with 8 to 16 bits, RGBa8, BGRa8, YUV422_8"


@dataclass(frozen=True)
class Layout:
    """Samples per pixel, and OpenCV's way from them to BGR (None: grey, or BGR already)."""

    channels: int
    to_bgr: int | None = None


@dataclass(frozen=True)
class Samples:
    """`group` samples lie in `group_bytes` bytes; `top8` takes the high 8 bits of each, uint8 N."""

    group: int
    group_bytes: int
    top8: Callable[[Image], Image]


LAYOUTS = {
    "Mono": Layout(1),
    # OpenCV's older names for the same patterns (BayerBG2BGR …) begin elsewhere and mislead
    "BayerRG": Layout(1, cv2.COLOR_BayerRGGB2BGR),
    "BayerGR": Layout(1, cv2.COLOR_BayerGRBG2BGR),
    "BayerGB": Layout(1, cv2.COLOR_BayerGBRG2BGR),
    "BayerBG": Layout(1, cv2.COLOR_BayerBGGR2BGR),
    "BGR": Layout(3),
    "RGB": Layout(3, cv2.COLOR_RGB2BGR),
    "BGRa": Layout(4, cv2.COLOR_BGRA2BGR),
    "RGBa": Layout(4, cv2.COLOR_RGBA2BGR),
    "YUYV": Layout(2, cv2.COLOR_YUV2BGR_YUY2),
    "UYVY": Layout(2, cv2.COLOR_YUV2BGR_UYVY),
}


def _words(shift: int) -> Samples:
    """16-bit little-endian words with `shift` + 8 valid bits."""
    return Samples(1, 2, lambda data: (data.view("<u2") >> shift).astype(np.uint8))


def _packed(data: Image) -> Image:
    """GigE Vision's own packing: two high bytes with the low bits of both between them."""
    return data.reshape(-1, 3)[:, ::2]


def _stream_of_12(data: Image) -> Image:
    low, middle, high = data.reshape(-1, 3).T
    return np.stack((low >> 4 | middle << 4, high), axis=1)


def _stream_of_10(data: Image) -> Image:
    a, b, c, d, e = data.reshape(-1, 5).T
    return np.stack((a >> 2 | b << 6, b >> 4 | c << 4, c >> 6 | d << 2, e), axis=1)


SAMPLES = {
    "8": Samples(1, 1, lambda data: data),
    "10": _words(2),
    "12": _words(4),
    "14": _words(6),
    "16": _words(8),
    "10Packed": Samples(2, 3, _packed),
    "12Packed": Samples(2, 3, _packed),
    "10p": Samples(4, 5, _stream_of_10),
    "12p": Samples(2, 3, _stream_of_12),
}
NAME = re.compile(f"({'|'.join(LAYOUTS)})({'|'.join(SAMPLES)})")


def require_supported(pixel_format: str) -> None:
    """Raise ConfigError when `to_image` could not read it."""
    _parse(pixel_format)


def to_image(pixel_format: str, data: memoryview | Image, height_px: int, width_px: int) -> Image:
    """One frame's bytes → uint8 HxW, or HxWx3 (BGR) of colour formats; no copy where the bytes are the image already.

    10 to 16 bits lose their low bits; Bayer is decoded. Raises ConfigError for a format that is not supported,
    NoDecision(FRAME_INCOMPLETE) for too few bytes.
    """
    layout, samples = _parse(pixel_format)
    count = height_px * width_px * layout.channels
    flat = samples.top8(_whole_groups(np.frombuffer(data, np.uint8), samples, count)).reshape(-1)[:count]
    image: NDArray[Any] = flat.reshape((height_px, width_px, layout.channels)[: 3 if layout.channels > 1 else 2])
    if layout.to_bgr is not None and image.size:
        image = cv2.cvtColor(np.ascontiguousarray(image), layout.to_bgr)
    return np.asarray(image, np.uint8)


def _parse(pixel_format: str) -> tuple[Layout, Samples]:
    found = NAME.fullmatch(OTHER_NAMES.get(pixel_format, pixel_format))
    if found is None:
        raise ConfigError(f"camera.pixel_format = '{pixel_format}' is not supported: give one of {SUPPORTED}")
    return LAYOUTS[found[1]], SAMPLES[found[2]]


def _whole_groups(data: Image, samples: Samples, count: int) -> Image:
    """The bytes of `count` samples; the last group is filled up where the camera ends within it."""
    whole = -(-count // samples.group) * samples.group_bytes
    least = -(-count * samples.group_bytes // samples.group)
    if data.size < least:
        raise NoDecision(Reason.FRAME_INCOMPLETE, f"the frame holds {data.size} bytes of {least}")
    return data[:whole] if data.size >= whole else np.concatenate((data[:least], np.zeros(whole - least, np.uint8)))
