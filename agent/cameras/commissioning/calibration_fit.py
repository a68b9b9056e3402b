"""Sightings of a target → the camera's calibration, and how much it can be believed.

The lens model is as simple as the photos allow: the next one is taken only when it places points better that it was not
fitted to. The homography does the rest, so a single photo of the plane is enough. It tells the focal length badly, but
nothing here needs that except the tilt that is shown, and only several photos bring it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from agent.calibration import CameraCalibration, Evidence, Points, inverse, project
from agent.cameras.commissioning.calibration_target import Sighting, Target
from agent.errors import UsageError

_STRAIGHT = (
    cv2.CALIB_USE_INTRINSIC_GUESS
    | cv2.CALIB_FIX_ASPECT_RATIO
    | cv2.CALIB_FIX_PRINCIPAL_POINT
    | cv2.CALIB_ZERO_TANGENT_DIST
    | cv2.CALIB_FIX_K1
    | cv2.CALIB_FIX_K2
    | cv2.CALIB_FIX_K3
)
_K1 = _STRAIGHT & ~cv2.CALIB_FIX_K1
_K1_K2 = _K1 & ~cv2.CALIB_FIX_K2
_OFF_CENTRE = _K1_K2 & ~(cv2.CALIB_FIX_PRINCIPAL_POINT | cv2.CALIB_ZERO_TANGENT_DIST)
LENS_MODELS = {"no distortion": _STRAIGHT, "k1": _K1, "k1, k2": _K1_K2, "k1, k2, p1, p2, centre": _OFF_CENTRE}
"""From simple to rich; the last needs several photos."""
_WORTH_IT = 0.9
"""A richer model must bring the residual at points it was not fitted to below this share of the simpler one's."""
_FOCAL_KNOWN = 0.05
"""Standard deviation of the focal length, relative, up to which the tilt is shown."""
_GUESSED_FOCAL = 1.8
"""In image widths: 16 mm before a 2/3" sensor."""
_MAX_RESIDUAL = 0.05
"""In pitches; beyond it the points are no flat, regular grid."""
MAX_ASPECT = 1.5
"""Pixels this much longer than wide are a miscounted target."""


@dataclass(frozen=True)
class Lens:
    """What bends straight lines."""

    model: str
    matrix: NDArray[np.float64]
    distortion: NDArray[np.float64]
    tilt_deg: float | None

    def straighten(self, camera_px: Points) -> Points:
        """The same points through a lens without distortion."""
        straight = cv2.undistortPoints(
            camera_px.reshape(-1, 1, 2), self.matrix, self.distortion, None, None, self.matrix
        )
        return np.asarray(straight, np.float64).reshape(-1, 2)


def fit(
    sightings: Sequence[Sighting], size: tuple[int, int], target: Target, photos_sha256: Sequence[str]
) -> CameraCalibration:
    """Calibrate from photos of one camera; the first shows the target in the plane of the parts.

    Raises UsageError when the points are no flat, regular target, or the plane is seen too much from the side.
    """
    plane = sightings[0]
    lens = _choose_lens(sightings, size)
    to_target = _homography(lens, plane)
    side_mm, to_mm = _as_the_image_lies(lens, to_target, size)
    off_px = _residuals_px(lens, to_target, plane)
    _refuse_misfit(off_px, target, side_mm)
    evidence = Evidence(
        made_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        target=str(target),
        lens_model=lens.model,
        photos_sha256=tuple(photos_sha256),
        points=len(off_px),
        residual_rms_px=_rms(off_px),
        residual_max_px=float(off_px.max()),
        residual_rms_mm=_rms(off_px) * side_mm,
        residual_max_mm=float(off_px.max()) * side_mm,
        tilt_deg=lens.tilt_deg,
    )
    try:
        return CameraCalibration(
            image_width_px=size[0],
            image_height_px=size[1],
            mm_per_px=side_mm,
            camera_matrix=lens.matrix.tolist(),
            distortion=lens.distortion.tolist(),
            homography=to_mm.tolist(),
            evidence=evidence,
        )
    except ValidationError as error:
        why = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise UsageError(f"{why}: fill the view with the target, and look at the plane from above") from error


def _choose_lens(sightings: Sequence[Sighting], size: tuple[int, int]) -> Lens:
    """The simplest model that no richer one beats clearly at points that neither was fitted to."""
    models = list(LENS_MODELS)[: None if len(sightings) > 1 else -1]
    chosen, best_px = models[0], _unseen_px(models[0], sightings, size)
    for model in models[1:]:
        rest_px = _unseen_px(model, sightings, size)
        if rest_px < _WORTH_IT * best_px:
            chosen, best_px = model, rest_px
    return _fit_lens(chosen, sightings, size)


def _unseen_px(model: str, sightings: Sequence[Sighting], size: tuple[int, int]) -> float:
    """Residual at one half of the plane's points when all was fitted to the other halves; both ways."""
    off_px = []
    for kept in (True, False):
        lens = _fit_lens(model, [sighting.half(kept) for sighting in sightings], size)
        to_target = _homography(lens, sightings[0].half(kept))
        off_px.append(_residuals_px(lens, to_target, sightings[0].half(not kept)))
    return _rms(np.concatenate(off_px))


def _fit_lens(model: str, sightings: Sequence[Sighting], size: tuple[int, int]) -> Lens:
    guess = np.diag([_GUESSED_FOCAL * max(size)] * 2 + [1.0])
    guess[:2, 2] = (np.array(size) - 1) / 2
    _, matrix, distortion, turns, _, spread, _, _ = cv2.calibrateCameraExtended(
        [np.column_stack([seen.target_mm, np.zeros(len(seen.target_mm))]).astype(np.float32) for seen in sightings],
        [seen.camera_px.astype(np.float32) for seen in sightings],
        size,
        guess,
        np.zeros(5),
        flags=LENS_MODELS[model],
    )
    focal_known = len(sightings) > 1 and 0 < spread[1, 0] < _FOCAL_KNOWN * matrix[1, 1]
    tilt = float(np.degrees(np.arccos(min(1.0, abs(cv2.Rodrigues(turns[0])[0][2, 2])))))
    return Lens(
        model, np.asarray(matrix, np.float64), np.asarray(distortion, np.float64).ravel(), tilt if focal_known else None
    )


def _homography(lens: Lens, plane: Sighting) -> NDArray[np.float64]:
    """Straightened pixels → mm on the target; fitted in pixels, where the errors are made."""
    found = cv2.findHomography(plane.target_mm, lens.straighten(plane.camera_px))[0]
    return inverse(np.asarray(found, np.float64))


def _residuals_px(lens: Lens, to_target: NDArray[np.float64], plane: Sighting) -> NDArray[np.float64]:
    expected = project(inverse(to_target), plane.target_mm)
    return np.asarray(np.linalg.norm(lens.straighten(plane.camera_px) - expected, axis=1), np.float64)


def _as_the_image_lies(
    lens: Lens, to_target: NDArray[np.float64], size: tuple[int, int]
) -> tuple[float, NDArray[np.float64]]:
    """mm per pixel at the image's centre, and the homography to mm that are there those pixels, times that."""
    centre = (np.array(size, float) - 1) / 2
    around = lens.straighten(centre + np.array([[0, 0], [-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]]))
    middle, left, right, up, down = project(to_target, around)
    slope = np.column_stack([right - left, down - up])
    u, sides, v = np.linalg.svd(slope)
    if np.linalg.det(slope) <= 0 or sides[0] > MAX_ASPECT * sides[1]:
        raise UsageError(
            f"a pixel would be {sides[0]:.3g} mm long and {sides[1]:.3g} mm wide: look at the plane from above, "
            "and count columns and rows again"
        )
    side_mm = float(np.sqrt(sides[0] * sides[1]))
    turn = (u @ v).T
    move = np.eye(3)
    move[:2, :2], move[:2, 2] = turn, centre * side_mm - turn @ middle
    return side_mm, np.asarray(move @ to_target, np.float64)


def _refuse_misfit(off_px: NDArray[np.float64], target: Target, side_mm: float) -> None:
    if _rms(off_px) > _MAX_RESIDUAL * target.pitch_mm / side_mm:
        raise UsageError(
            f"what was found is no flat {target}: points are up to {off_px.max():.1f} px off; press it flat, have all "
            "of it in view, count again"
        )


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt((values**2).mean()))
