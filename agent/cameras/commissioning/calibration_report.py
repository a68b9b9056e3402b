"""What `linegate calibrate` shows: the figures, what to mistrust in them, the photo with the plane drawn into it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from agent.calibration import CameraCalibration, project
from agent.cameras.commissioning.calibration_target import Sighting
from agent.flat_view import Window, flat_window
from agent.inspection import Image

GOOD_RMS_PX = 0.3
GOOD_MAX_PX = 1.0
GOOD_COVERAGE = 0.5
MAGNIFIED = 100
"""The residual's arrows in the overlay."""
_GRID = 12
_GREEN, _RED, _BLUE = (0, 200, 0), (0, 0, 255), (255, 128, 0)


def coverage(plane: Sighting, pitch_mm: float, region: Window) -> float:
    """Share of the region that lies within one pitch of the target's points: so far they still speak for it."""
    corners = np.array(
        [
            (region.left_px, region.top_px),
            (region.right_px, region.top_px),
            (region.right_px, region.bottom_px),
            (region.left_px, region.bottom_px),
        ],
        np.float32,
    )
    to_camera = np.asarray(cv2.findHomography(plane.target_mm, plane.camera_px)[0], np.float64)
    (left, top), (right, bottom) = plane.target_mm.min(axis=0) - pitch_mm, plane.target_mm.max(axis=0) + pitch_mm
    around = project(to_camera, np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
    hull = cv2.convexHull(around.astype(np.float32))
    return float(cv2.intersectConvexConvex(hull, corners - 0.5)[0]) / (region.width_px * region.height_px)


def figures(found: CameraCalibration, covered: float) -> Iterator[tuple[str, str]]:
    """Name and value of each line."""
    evidence = found.evidence
    straight = found.model_copy(update={"distortion": (0.0,) * 5})
    sides_mm = straight.pixel_sides_mm(found.grid())
    x_mm, y_mm = found.centre_mm_per_px()
    photos = len(evidence.photos_sha256)
    tilt = "needs several photos" if evidence.tilt_deg is None else f"{evidence.tilt_deg:.1f}°"
    yield "target", f"{evidence.target}: {evidence.points} points, {photos} photo{'s' * (photos > 1)}"
    yield "scale", f"{found.mm_per_px:.6g} mm/px; at the centre x {x_mm:.6g}, y {y_mm:.6g}"
    yield (
        "perspective",
        f"{sides_mm.min():.4g} … {sides_mm.max():.4g} mm/px over the view, "
        f"{sides_mm.max() / sides_mm.min() - 1:.1%} apart; tilt {tilt}",
    )
    yield "lens", f"{evidence.lens_model}: moves points by up to {found.lens_shift_px():.1f} px"
    yield (
        "residual",
        f"RMS {evidence.residual_rms_mm:.4f} mm ({evidence.residual_rms_px:.3f} px), at most "
        f"{evidence.residual_max_mm:.4f} mm ({evidence.residual_max_px:.3f} px)",
    )
    yield "coverage", f"{covered:.0%} of what is inspected"


def doubts(found: CameraCalibration, covered: float) -> Iterator[str]:
    """Each reason not to trust the figures, with its remedy."""
    evidence = found.evidence
    if evidence.residual_rms_px > GOOD_RMS_PX or evidence.residual_max_px > GOOD_MAX_PX:
        yield (
            f"residual above {GOOD_RMS_PX} px RMS or {GOOD_MAX_PX:.0f} px: press the target flat, focus, light it "
            "evenly, or add photos of it tilted so that the lens is known better"
        )
    if covered < GOOD_COVERAGE:
        yield f"the target covers {covered:.0%} of what is inspected, the rest is extrapolated: use a larger target"
    if len(evidence.photos_sha256) == 1 and found.lens_shift_px() > GOOD_MAX_PX:
        yield (
            "one photo: the lens is taken as centred on the image; three or four more, of the tilted target, "
            "make it known, towards the corners most of all"
        )


def overlay(photo: Image, found: CameraCalibration, plane: Sighting) -> Image:
    """uint8 HxWx3: the points, how far they are off (arrows, magnified), and squares of the plane over all the view."""
    shown = cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR)
    for line in _plane_lines(found):
        cv2.polylines(shown, [np.round(line * 16).astype(np.int32)], False, _BLUE, 1, cv2.LINE_AA, shift=4)
    for at, off in zip(plane.camera_px, _off_px(found, plane), strict=True):
        cv2.circle(shown, _pixel(at), 4, _GREEN, 1, cv2.LINE_AA)
        cv2.arrowedLine(shown, _pixel(at), _pixel(at + MAGNIFIED * off), _RED, 1, cv2.LINE_AA)
    return np.asarray(shown, np.uint8)


def _plane_lines(found: CameraCalibration) -> Iterator[np.ndarray]:
    """Straight lines on the plane, as the camera shows them; what lies outside its image is left out."""
    view = Window(0, 0, *found.size)
    flat = flat_window(found, view)
    along = np.linspace(0, 1, 100)
    for share in np.linspace(0, 1, _GRID):
        level = np.full_like(along, share)
        for unit in (np.column_stack([along, level]), np.column_stack([level, along])):
            line = found.to_camera(unit * (flat.width_px, flat.height_px) + (flat.left_px, flat.top_px))
            yield line[((line > -1) & (line < found.size)).all(axis=1)]


def _off_px(found: CameraCalibration, plane: Sighting) -> np.ndarray:
    """N × 2: from where each point should be to where it is, in flat pixels."""
    flat, true = found.to_flat(plane.camera_px), plane.target_mm / found.mm_per_px
    middle, true_middle = flat.mean(axis=0), true.mean(axis=0)
    u, _, v = np.linalg.svd((true - true_middle).T @ (flat - middle))
    return np.asarray(flat - ((true - true_middle) @ u @ v + middle))


def _pixel(point: np.ndarray) -> tuple[int, int]:
    x_px, y_px = np.round(point).astype(int)
    return int(x_px), int(y_px)
