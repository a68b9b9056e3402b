"""What of the camera's image is inspected: region, rotation, grey or colour, flat; and that places stay in place."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.calibration import CameraCalibration, as_toml
from agent.camera_config import RegionConfig, ViewConfig
from agent.config import CalibrationConfig, load_config
from agent.errors import ConfigError, NoDecision
from agent.inspection import Frame, Image, Reason
from agent.judge import Calibration
from agent.view import View, open_view
from tests.cameras.target_photo import KnownCamera, spot
from tests.conftest import ROOT

IMAGE = np.arange(12, dtype=np.uint8).reshape(3, 4)
REGION = RegionConfig(x_px=1, y_px=0, width_px=3, height_px=2)
WIDTH_PX, HEIGHT_PX = 40, 30
CAMERA = KnownCamera(tilt_deg=(9.0, -7.0, 3.0), over_mm=(0, 0), mm_per_px=0.1, size=(320, 256), focal_px=400)
FROM_FILE = CalibrationConfig(file=Path("line1.calibration.toml"), origin_x_mm=5, origin_y_mm=-7, rotation_deg=30)


@pytest.mark.parametrize(
    "frame",
    [Frame(np.empty((0, 0), np.uint8), 1, 0), Frame(np.full((10, 10), 100, np.uint8), 1, 0, complete=False)],
    ids=["empty", "half"],
)
def test_half_a_frame_is_no_decision(frame: Frame) -> None:
    with pytest.raises(NoDecision, match="incomplete") as caught:
        View(ViewConfig()).of(frame)
    assert caught.value.reason is Reason.FRAME_INCOMPLETE


def test_a_region_is_seen_without_a_copy() -> None:
    seen = View(ViewConfig(region=REGION)).of(Frame(IMAGE, 1, 0)).image
    assert seen.tolist() == [[1, 2, 3], [5, 6, 7]]
    assert np.shares_memory(seen, IMAGE)


def test_the_region_is_cut_out_and_then_turned_clockwise() -> None:
    seen = View(ViewConfig(region=REGION, rotate_deg=90)).of(Frame(IMAGE, 1, 0)).image
    assert seen.tolist() == [[5, 1], [6, 2], [7, 3]]


def test_a_frame_that_does_not_hold_the_region_is_no_decision() -> None:
    with pytest.raises(NoDecision, match="does not hold") as caught:
        View(ViewConfig(region=REGION)).of(Frame(IMAGE[:1], 1, 0))
    assert caught.value.reason is Reason.FRAME_SIZE


def test_grey_and_colour_are_what_the_config_says() -> None:
    coloured = View(ViewConfig(colour="colour")).of(Frame(IMAGE, 1, 0))
    assert coloured.image.shape == (3, 4, 3)
    assert View(ViewConfig(colour="grey")).of(coloured).image.tolist() == IMAGE.tolist()


def regions(width_px: int, height_px: int, least_px: int = 1) -> st.SearchStrategy[RegionConfig]:
    def inside(x_px: int, y_px: int) -> st.SearchStrategy[RegionConfig]:
        return st.builds(
            RegionConfig,
            x_px=st.just(x_px),
            y_px=st.just(y_px),
            width_px=st.integers(least_px, width_px - x_px),
            height_px=st.integers(least_px, height_px - y_px),
        )

    corners = st.tuples(st.integers(0, width_px - least_px), st.integers(0, height_px - least_px))
    return corners.flatmap(lambda corner: inside(*corner))


TURNS = st.sampled_from([0, 90, 180, 270])
SCALES = st.floats(0.01, 2.0)


@given(regions(WIDTH_PX, HEIGHT_PX), TURNS, SCALES, SCALES, st.floats(-180, 180, allow_subnormal=False), st.data())
def test_a_place_keeps_its_millimetres_whatever_is_cut_out_and_turned(
    region: RegionConfig, turn: int, x_mm: float, y_mm: float, robot_deg: float, data: st.DataObject
) -> None:
    x_px = data.draw(st.integers(region.x_px, region.x_px + region.width_px - 1))
    y_px = data.draw(st.integers(region.y_px, region.y_px + region.height_px - 1))
    image = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    image[y_px, x_px] = 255
    view = View(ViewConfig(region=region, rotate_deg=turn))
    station = CalibrationConfig(
        x_mm_per_px=x_mm, y_mm_per_px=y_mm, origin_x_mm=5, origin_y_mm=-7, rotation_deg=robot_deg
    )
    seen = view.of(Frame(image, 1, 0)).image
    (row,), (column,) = np.nonzero(seen)
    whole = Calibration(x_mm, y_mm, 5, -7, robot_deg)
    found = view.calibration(station)
    assert found.to_robot(column, row) == pytest.approx(whole.to_robot(x_px, y_px), abs=1e-9)
    sides = (found.x_mm_per_px, found.y_mm_per_px)
    assert sides == ((x_mm, y_mm) if turn in (0, 180) else (y_mm, x_mm)), "lengths are measured with these"


def spot_seen(image: Image) -> tuple[float, float, float]:
    """Centre and area of the dark spot, in pixels of the image."""
    dark = np.clip(220.0 - image, 0, None) / 180
    y_px, x_px = np.indices(image.shape)
    return float((x_px * dark).sum() / dark.sum()), float((y_px * dark).sum() / dark.sum()), float(dark.sum())


@settings(max_examples=25)
@given(
    TURNS,
    st.floats(-9, 9, allow_subnormal=False),
    st.floats(-7, 7, allow_subnormal=False),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_a_place_on_the_plane_keeps_its_millimetres_through_lens_tilt_region_and_turn(
    turn: int, x_mm: float, y_mm: float, left_px: int, top_px: int
) -> None:
    region = RegionConfig(x_px=left_px, y_px=top_px, width_px=280 - left_px, height_px=216 - top_px)
    view = View(ViewConfig(region=region, rotate_deg=turn), CAMERA.truth())
    photo = CAMERA.photo(spot((x_mm, y_mm), radius_mm=1.0), noise=0)
    at = spot_seen(view.of(Frame(photo, 1, 0)).image)
    expected = Calibration(1, 1, 5, -7, 30).to_robot(x_mm, y_mm)
    assert view.calibration(FROM_FILE).to_robot(*at[:2]) == pytest.approx(expected, abs=0.1 * CAMERA.mm_per_px)


@pytest.mark.parametrize("centre_mm", [(0, 0), (-13, -10), (13, -10), (-12, 9), (12, 9)])
def test_a_defect_is_as_large_in_a_corner_as_in_the_middle(centre_mm: tuple[float, float]) -> None:
    photo = CAMERA.photo(spot(centre_mm, radius_mm=1.2), noise=0)
    true_mm2 = np.pi * 1.2**2
    flat = View(ViewConfig(), CAMERA.truth()).of(Frame(photo, 1, 0)).image
    assert spot_seen(flat)[2] * CAMERA.mm_per_px**2 == pytest.approx(true_mm2, rel=0.01)
    if centre_mm in {(-13, -10), (12, 9)}:
        assert spot_seen(photo)[2] * CAMERA.mm_per_px**2 != pytest.approx(true_mm2, rel=0.1), "not so without it"


def straight(width_px: int, height_px: int) -> CameraCalibration:
    """A camera that looks straight down, without lens errors."""
    return KnownCamera(
        (0, 0, 0), ((width_px - 1) * 0.1, (height_px - 1) * 0.1), distortion=(0,) * 5, size=(width_px, height_px)
    ).truth()


@given(regions(WIDTH_PX, HEIGHT_PX), TURNS, st.sampled_from([(), (3,)]))
def test_what_is_flat_already_stays_as_it_is(region: RegionConfig, turn: int, channels: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 255, (HEIGHT_PX, WIDTH_PX, *channels), np.uint8)
    config = ViewConfig(region=region, rotate_deg=turn)
    flat, plain = View(config, straight(WIDTH_PX, HEIGHT_PX)), View(config)
    assert np.array_equal(flat.of(Frame(image, 1, 0)).image, plain.of(Frame(image, 1, 0)).image)


def test_all_of_the_region_is_seen_in_the_flat_image() -> None:
    """A bright pixel in each corner of the region: none may be lost, nor in the middle of an edge that bends."""
    region = RegionConfig(x_px=20, y_px=30, width_px=250, height_px=200)
    right, bottom = 20 + 250 - 2, 30 + 200 - 2
    for x_px, y_px in [(21, 31), (right, 31), (21, bottom), (right, bottom), (145, 31), (145, bottom), (21, 130)]:
        image = np.zeros((256, 320), np.uint8)
        cv2.circle(image, (x_px, y_px), 1, 255, -1)
        assert View(ViewConfig(region=region), CAMERA.truth()).of(Frame(image, 1, 0)).image.max() > 150


def test_a_frame_of_another_size_than_the_calibrations_is_no_decision() -> None:
    with pytest.raises(NoDecision, match="640 × 480 px is not the calibrated 320 × 256 px") as caught:
        View(ViewConfig(), CAMERA.truth()).of(Frame(np.zeros((480, 640), np.uint8), 1, 0))
    assert caught.value.reason is Reason.FRAME_SIZE


@pytest.mark.parametrize(
    ("view", "camera", "complaint"),
    [
        (ViewConfig(rotate_deg=90), None, "view.rotate_deg = 90 needs view.region"),
        (ViewConfig(region=REGION), straight(3, 3), "view.region does not lie in the calibrated image of 3 × 3 px"),
    ],
)
def test_a_view_that_cannot_be_is_refused(view: ViewConfig, camera: CameraCalibration | None, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        View(view, camera)


@pytest.mark.parametrize(
    ("calibration", "view", "complaint"),
    [
        ('file = "no.toml"', "", "no.toml: No such file or directory: check the path"),
        ('file = "good.toml"', "width_px = 1280", "camera.width_px = 1280, but "),
        ('file = "good.toml"\nx_mm_per_px = 0.1', "", "[calibration] takes either file"),
        ("x_mm_per_px = 0.1", "", "[calibration] takes either file"),
        ("", "", "[calibration] takes either file"),
        (
            "x_mm_per_px = 1\ny_mm_per_px = 1",
            "height_px = 200",
            "view.region reaches to pixel 230, but camera.height_px",
        ),
    ],
)
def test_a_calibration_that_does_not_fit_is_named_before_the_first_part(
    tmp_path: Path, calibration: str, view: str, complaint: str
) -> None:
    text = (ROOT / "config" / "line.toml").read_text()
    text = re.sub(r"x_mm_per_px.*\ny_mm_per_px.*\n", calibration + "\n", text)
    text = text.replace("exposure_us = 300", f"exposure_us = 300\n{view}\n")
    text = text.replace("[view]", "[view]\nregion = { x_px = 20, y_px = 30, width_px = 250, height_px = 200 }")
    (tmp_path / "line1.toml").write_text(text)
    (tmp_path / "good.toml").write_text(as_toml(CAMERA.truth()))
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        open_view(load_config(tmp_path / "line1.toml"))
    assert "\n" not in str(caught.value)
