"""Bytes as cameras send them → 8-bit images; the encoders here are written from PFNC and GigE Vision, bit by bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cameras.drivers.pixel_format import to_image
from agent.errors import ConfigError, NoDecision
from agent.inspection import Image, Reason


def words(samples: list[int], bits: int) -> bytes:
    return b"".join(sample.to_bytes(2, "little") for sample in samples)


def bit_stream(samples: list[int], bits: int) -> bytes:
    """PFNC "p": one after the other, least significant bit first."""
    stream = sum(sample << (bits * index) for index, sample in enumerate(samples))
    return stream.to_bytes(-(-len(samples) * bits // 8), "little")


def gige_packed(samples: list[int], bits: int) -> bytes:
    """GigE Vision "Packed": high byte, low bits of both, high byte."""
    data, low = bytearray(), bits - 8
    for first, second in zip(samples[::2], [*samples[1::2], 0], strict=False):
        rest = (first & ((1 << low) - 1)) | (second & ((1 << low) - 1)) << 4
        data += bytes((first >> low, rest, second >> low))
    return bytes(data[: -(-len(samples) * 12 // 8)])


@given(
    st.sampled_from([("", 10, words), ("", 12, words), ("", 14, words), ("", 16, words), ("p", 10, bit_stream),
                     ("p", 12, bit_stream), ("Packed", 10, gige_packed), ("Packed", 12, gige_packed)]),
    st.integers(1, 5), st.integers(1, 7), st.data(),
)  # fmt: skip
def test_deep_samples_keep_their_high_8_bits(kind, height, width, data) -> None:  # type: ignore[no-untyped-def]
    suffix, bits, encode = kind
    count = height * width
    samples = data.draw(st.lists(st.integers(0, (1 << bits) - 1), min_size=count, max_size=count))
    sent = encode(samples, bits)
    image = to_image(f"Mono{bits}{suffix}", memoryview(sent), height, width)
    assert image.ravel().tolist() == [sample >> (bits - 8) for sample in samples]
    with pytest.raises(NoDecision) as caught:
        to_image(f"Mono{bits}{suffix}", memoryview(sent[:-1]), height, width)
    assert caught.value.reason is Reason.FRAME_INCOMPLETE


def test_grey_bytes_are_the_image_already() -> None:
    sent = np.arange(20, dtype=np.uint8)
    image = to_image("Mono8", sent.data, 3, 4)  # what comes after the pixels (chunks) is left out
    assert np.shares_memory(image, sent)
    assert image.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


ORANGE_BGR = (20, 120, 240)


@pytest.mark.parametrize("first_rows", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_bayer_begins_where_its_name_says(first_rows: str) -> None:
    tile = np.array([ORANGE_BGR["BGR".index(colour)] for colour in first_rows], np.uint8).reshape(2, 2)
    sent = np.tile(tile, (8, 8))
    image = to_image(f"Bayer{first_rows[:2]}8", sent.data.cast("B"), 16, 16)
    assert (image[2:-2, 2:-2] == ORANGE_BGR).all()


@pytest.mark.parametrize(
    ("name", "code"),
    [("BGR8", None), ("RGB8", cv2.COLOR_BGR2RGB), ("RGB8Packed", cv2.COLOR_BGR2RGB), ("BGRa8", cv2.COLOR_BGR2BGRA),
     ("RGBa8", cv2.COLOR_BGR2RGBA), ("YUV422_8", cv2.COLOR_BGR2YUV_YUY2), ("YUV422Packed", cv2.COLOR_BGR2YUV_UYVY)],
)  # fmt: skip
def test_colours_come_out_as_bgr(name: str, code: int | None) -> None:
    picture: Image = np.full((4, 6, 3), ORANGE_BGR, np.uint8)
    sent = picture if code is None else np.asarray(cv2.cvtColor(picture, code), np.uint8)
    image = to_image(name, np.ascontiguousarray(sent).data.cast("B"), 4, 6)
    assert np.abs(image.astype(int) - picture).max() <= (3 if "YUV" in name else 0)


@pytest.mark.parametrize("name", ["Mono1p", "Coord3D_C16", "mono8", "", "Mono8x"])
def test_a_format_that_is_not_supported_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"camera\.pixel_format = '{name}' is not supported: give one of Mono, Bay"):
        to_image(name, memoryview(b""), 1, 1)
