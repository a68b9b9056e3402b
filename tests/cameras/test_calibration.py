"""Calibration against cameras whose lens, tilt and scale are known: what comes out is what went in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.calibration import CameraCalibration, as_toml, load_calibration
from agent.cameras.commissioning.calibration_fit import fit
from agent.cameras.commissioning.calibration_target import Sighting, Target, find_target
from agent.errors import ConfigError, UsageError
from agent.inspection import Image
from tests.cameras.target_photo import KnownCamera, Pattern, checkerboard, dots

BOARD = Target("checkerboard", 11, 8, 10.0)
GRID = Target("dots", 11, 8, 10.0)
PATTERNS = {"checkerboard": checkerboard, "dots": dots}
BENT = KnownCamera()
STRAIGHT = KnownCamera(distortion=(0, 0, 0, 0, 0))
TILTED = [((22.0, -4.0, 40.0), 0.3), ((-20.0, 12.0, -40.0), 0.3), ((-5.0, 24.0, 90.0), 0.3)]
"""Further photos for the lens."""


def pattern(target: Target) -> Pattern:
    return PATTERNS[target.kind](target.columns, target.rows, target.pitch_mm)


def calibrated(target: Target, *cameras: KnownCamera) -> CameraCalibration:
    sightings = [find_target(camera.photo(pattern(target)), target) for camera in cameras]
    return fit(sightings, cameras[0].size, target, ["0" * 64] * len(cameras))


def off_px(found: CameraCalibration, camera: KnownCamera, margin_px: float) -> float:
    """The worst error of a place in the view, this far from its edges, in flat pixels; the frame is free to turn."""
    x_px, y_px = (np.linspace(margin_px, side - 1 - margin_px, 15) for side in camera.size)
    seen = np.stack(np.meshgrid(x_px, y_px), axis=-1).reshape(-1, 2)
    true, flat = camera.to_mm(seen), found.to_flat(seen) * found.mm_per_px
    true, flat = true - true.mean(axis=0), flat - flat.mean(axis=0)
    u, _, v = np.linalg.svd(true.T @ flat)
    return float(np.linalg.norm(true @ u @ v - flat, axis=1).max()) / found.mm_per_px


@pytest.mark.parametrize("target", [BOARD, GRID], ids=["checkerboard", "dots"])
@pytest.mark.parametrize("camera", [STRAIGHT, BENT], ids=["perspective", "perspective and lens"])
def test_one_photo_of_the_plane_gives_its_millimetres(target: Target, camera: KnownCamera) -> None:
    found = calibrated(target, camera)
    assert found.evidence.residual_rms_px < 0.1
    assert found.evidence.residual_rms_mm == pytest.approx(found.evidence.residual_rms_px * found.mm_per_px)
    assert found.evidence.tilt_deg is None, "one photo does not tell it"
    assert found.evidence.lens_model.startswith("k1" if camera.distortion[0] else "no distortion")
    assert off_px(found, camera, margin_px=60) < 0.15
    centre = (np.array(camera.size) - 1) / 2
    around = camera.to_mm(centre + np.array([[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]]))
    sides_mm = np.linalg.norm(around[1::2] - around[::2], axis=1)
    assert found.centre_mm_per_px() == pytest.approx(sides_mm, rel=1e-3)


def test_columns_and_rows_may_be_exchanged() -> None:
    """The grid is then told from top to bottom first, as a mirror would show it."""
    swapped = Target("dots", 8, 11, 10.0)
    one = calibrated(GRID, BENT)
    other = fit([find_target(BENT.photo(pattern(GRID)), swapped)], BENT.size, swapped, ["0"])
    assert one.to_flat(one.grid()) == pytest.approx(other.to_flat(one.grid()), abs=1e-3)


def test_several_photos_tell_the_lens_and_the_tilt() -> None:
    lens = {"distortion": (-0.15, 0.03, 0.0003, -0.0002, 0.0), "off_centre_px": (7.0, -5.0)}
    plane = KnownCamera(**lens)
    found = calibrated(GRID, plane, *(KnownCamera(tilt, mm_per_px=mm, **lens) for tilt, mm in TILTED))
    assert found.evidence.tilt_deg == pytest.approx(plane.off_axis_deg, abs=0.1)
    assert found.camera_matrix[0][2] == pytest.approx(plane.matrix[0, 2], abs=1)
    assert off_px(found, plane, margin_px=0) < 0.15, "in the corners too, where the target is not"


@pytest.mark.parametrize("turn_deg", [90, 180])
def test_how_the_target_lies_does_not_matter(turn_deg: int) -> None:
    """A square board with an even number of corners looks the same from all sides; so must the result."""
    square = Target("checkerboard", 6, 6, 10.0)
    camera = KnownCamera(over_mm=(25, 25), mm_per_px=0.15)
    upright, middle = pattern(square), np.array(camera.over_mm)
    cos, sin = round(np.cos(np.radians(turn_deg))), round(np.sin(np.radians(turn_deg)))

    def turned(x_mm: np.ndarray, y_mm: np.ndarray) -> np.ndarray:
        x, y = x_mm - middle[0], y_mm - middle[1]
        return upright(cos * x - sin * y + middle[0], sin * x + cos * y + middle[1])

    one, other = (fit([find_target(camera.photo(board), square)], camera.size, square, ["0"])
                  for board in (upright, turned))  # fmt: skip
    points = one.grid()
    assert one.to_flat(points) == pytest.approx(other.to_flat(points), abs=0.3)
    assert one.mm_per_px == pytest.approx(other.mm_per_px, rel=1e-4)


def test_flat_and_camera_pixels_agree_in_the_middle_of_the_image() -> None:
    found = calibrated(GRID, KnownCamera(tilt_deg=(6, -4, 178)))
    centre = (np.array([found.size], float) - 1) / 2
    assert found.to_flat(centre) == pytest.approx(centre, abs=0.02)
    assert found.to_flat(centre + np.eye(2)) - centre == pytest.approx(np.eye(2), abs=0.01)


def uneven(photo: Image) -> Image:
    """A third of the light at one side, and half from top to bottom."""
    light = np.linspace(0.33, 1, photo.shape[1])[None] * np.linspace(0.5, 1, photo.shape[0])[:, None]
    return (photo * light).astype(np.uint8)


@pytest.mark.parametrize(
    ("target", "shown"),
    [(GRID, lambda photo: 255 - photo), (GRID, lambda photo: photo // 6), (GRID, uneven), (BOARD, uneven)],
    ids=["bright dots", "dark photo", "uneven light on dots", "uneven light on fields"],
)
def test_light_may_be_bad(target: Target, shown: Callable[[Image], Image]) -> None:
    found = fit([find_target(shown(BENT.photo(pattern(target))), target)], BENT.size, target, ["0"])
    assert found.evidence.residual_rms_px < 0.1
    assert off_px(found, BENT, margin_px=60) < 0.15


@pytest.mark.parametrize(
    ("shown", "asked", "complaint"),
    [
        (BOARD, Target("checkerboard", 10, 8, 10.0), "the photo shows 11 × 8 inner corners, not 10 × 8"),
        (BOARD, Target("checkerboard", 12, 9, 10.0), "the photo shows 11 × 8 inner corners, not 12 × 9"),
        (BOARD, GRID, "no grid of 11 × 8 dots, pitch 10 mm in the image of 640 × 512 px"),
        (GRID, BOARD, "no checkerboard of 11 × 8 inner corners, pitch 10 mm in the image of 640 × 512 px"),
        (GRID, Target("dots", 10, 8, 10.0), "the photo shows more dots than 10 × 8"),
        (GRID, Target("dots", 5, 5, 10.0), "the photo shows more dots than 5 × 5"),
        (GRID, Target("dots", 12, 8, 10.0), "no grid of 12 × 8 dots"),
    ],
)
def test_what_is_not_in_the_photo_is_refused(shown: Target, asked: Target, complaint: str) -> None:
    with pytest.raises(UsageError, match=re.escape(complaint)) as caught:
        find_target(STRAIGHT.photo(pattern(shown)), asked)
    assert "\n" not in str(caught.value)


def sighting(camera: KnownCamera, bent_mm: float = 0.0, stretched: float = 1.0) -> Sighting:
    """Where a camera sees the points of a board that may be no flat, regular one."""
    grid = np.stack(np.meshgrid(np.arange(11), np.arange(8)), axis=-1).reshape(-1, 2)
    true_mm = grid * (10.0 * stretched, 10.0) + bent_mm * np.random.default_rng(1).normal(size=(88, 2))
    return Sighting(camera.to_camera(true_mm), grid * 10.0, grid.sum(axis=1) % 2 == 0)


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (sighting(STRAIGHT, bent_mm=1.0), "no flat checkerboard"),
        (sighting(STRAIGHT, stretched=2.0), "look at the plane from above"),
        (sighting(KnownCamera(tilt_deg=(55, 0, 0), mm_per_px=0.5)), "look at the plane from above"),
    ],
    ids=["bent", "every other column", "from the side"],
)
def test_points_that_are_no_flat_target_are_refused(seen: Sighting, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        fit([seen], STRAIGHT.size, BOARD, ["0"])


def test_the_file_says_all_of_it_to_the_last_digit(tmp_path: Path) -> None:
    found = fit([sighting(BENT)], BENT.size, BOARD, ["0"])
    path = tmp_path / "line1.calibration.toml"
    path.write_text(as_toml(found), encoding="utf-8")
    assert load_calibration(path) == found


@pytest.mark.parametrize(
    ("pattern", "replacement", "complaint"),
    [
        (r"mm_per_px = .*", "", "missing key 'mm_per_px'"),
        (
            r"homography = .*",
            "homography = [[0, 0, 0], [0, 0, 0], [0, 0, 1]]",
            "the plane is seen too much from the side",
        ),
        (
            r"homography = .*",
            "homography = [[1, 0, 0], [0, 1, 0], [0.01, 0, -1]]",
            "the plane is seen too much from the",
        ),
        (
            r"homography = .*",
            "homography = [[1, 0, 0], [0, 1, 0], [0.003, 0, 1]]",
            "the plane is seen too much from the",
        ),
        (r"distortion = .*", "distortion = [-0.8, 0, 0, 0, 0]", "the lens model cannot be inverted in the view"),
        (r"distortion = .*", "distortion = [nan, 0, 0, 0, 0]", "distortion|seen too much"),
        (r"\[evidence\]", "[evidence", "not valid TOML"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, pattern: str, replacement: str, complaint: str) -> None:
    text, path = as_toml(BENT.truth()), tmp_path / "line1.calibration.toml"
    path.write_text(re.sub(pattern, replacement, text, count=1), encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_calibration(path)
    assert re.match(rf"calibration {path}:\d+: ", str(caught.value))
    assert "\n" not in str(caught.value)
