"""What `linegate calibrate` found of a camera, and the two ways through it: camera pixels ↔ flat pixels. Pure.

Camera pixels are those of a snapshot: x to the right, y down, the centre of the upper left pixel is (0, 0).
Flat pixels are what a perfect lens straight above the plane of the parts would see: all of one size, mm_per_px. At the
centre of the image both are the same in place, direction and size, so a point's millimetres are its flat pixels times
mm_per_px, however the target lay in its photo.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from agent.toml import Strict, load_toml

Points = NDArray[np.float64]
"""N × 2: x, y."""
Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]

MAX_SCALE_RATIO = 4.0
"""Largest to smallest pixel of the view, in length; beyond that the camera looks along the plane, not at it."""
_CLOSED_PX = 0.05
_ITERATIONS = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 100, 1e-10)


class Evidence(Strict):
    """How the calibration came about and how good it is, measured in the photo of the plane."""

    made_utc: str
    target: str
    lens_model: str
    photos_sha256: tuple[str, ...]
    points: int
    residual_rms_px: float
    residual_max_px: float
    residual_rms_mm: float
    residual_max_mm: float
    tilt_deg: float | None = None
    """Between optical axis and plane; None: one photo does not tell it."""


class CameraCalibration(Strict):
    """One camera, one lens, one plane."""

    image_width_px: int = Field(gt=0)
    image_height_px: int = Field(gt=0)
    mm_per_px: float = Field(gt=0)
    camera_matrix: Matrix
    distortion: tuple[float, float, float, float, float]
    """k1, k2, p1, p2, k3 as OpenCV defines them."""
    homography: Matrix
    """Undistorted camera pixels → millimetres."""
    evidence: Evidence

    @model_validator(mode="after")
    def _can_be_used(self) -> CameraCalibration:
        sides = self.pixel_sides_mm(self.grid())
        if not (sides > 0).all() or sides.max() > MAX_SCALE_RATIO * sides.min():
            raise ValueError("the plane is seen too much from the side, or is not seen everywhere in the view")
        there_and_back = np.abs(self.to_camera(self.to_flat(self.grid())) - self.grid()).max()
        if not there_and_back < _CLOSED_PX:
            raise ValueError(f"the lens model cannot be inverted in the view (off by {there_and_back:.1f} px)")
        return self

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the camera's image, px."""
        return self.image_width_px, self.image_height_px

    @property
    def flat_from_ray(self) -> NDArray[np.float64]:
        """3 × 3: direction seen through a perfect lens (x/z, y/z, 1) → flat pixels."""
        shrink = np.diag([1 / self.mm_per_px, 1 / self.mm_per_px, 1.0])
        return np.asarray(shrink @ np.array(self.homography) @ np.array(self.camera_matrix), np.float64)

    def to_flat(self, camera_px: Points) -> Points:
        """Points of the camera's image in flat pixels."""
        matrix, lens = np.array(self.camera_matrix), np.array(self.distortion)
        rays = cv2.undistortPoints(camera_px.reshape(-1, 1, 2), matrix, lens, None, None, None, _ITERATIONS)
        return project(self.flat_from_ray, np.asarray(rays, np.float64))

    def to_camera(self, flat_px: Points) -> Points:
        """Where the camera's image shows these flat pixels."""
        rays = project(inverse(self.flat_from_ray), flat_px)
        matrix, lens, still = np.array(self.camera_matrix), np.array(self.distortion), np.zeros(3)
        seen = cv2.projectPoints(np.column_stack([rays, np.ones(len(rays))]), still, still, matrix, lens)[0]
        return np.asarray(seen, np.float64).reshape(-1, 2)

    def grid(self, steps: int = 12) -> Points:
        """Camera pixels spread over the view, edges included."""
        x, y = np.meshgrid(np.linspace(0, self.size[0] - 1, steps), np.linspace(0, self.size[1] - 1, steps))
        return np.column_stack([x.ravel(), y.ravel()])

    def pixel_sides_mm(self, camera_px: Points) -> NDArray[np.float64]:
        """Side of a square as large as the camera pixel at each point; negative where it is seen from behind."""
        right, down = (self.to_flat(camera_px + step) - self.to_flat(camera_px - step) for step in np.eye(2) / 2)
        areas = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]
        return np.asarray(np.sign(areas) * np.sqrt(np.abs(areas)) * self.mm_per_px, np.float64)

    def centre_mm_per_px(self) -> tuple[float, float]:
        """Width and height of the camera pixel in the middle of the view."""
        centre = (np.array(self.size, np.float64) - 1) / 2
        left, right, up, down = self.to_flat(centre + np.array([[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]]))
        return float(np.hypot(*(right - left))) * self.mm_per_px, float(np.hypot(*(down - up))) * self.mm_per_px

    def lens_shift_px(self) -> float:
        """The largest way by which the lens moves a point of the view."""
        matrix, lens = np.array(self.camera_matrix), np.array(self.distortion)
        rays = cv2.undistortPoints(self.grid().reshape(-1, 1, 2), matrix, lens, None, None, None, _ITERATIONS)
        straight = project(matrix, np.asarray(rays, np.float64))
        return float(np.linalg.norm(straight - self.grid(), axis=1).max())


def inverse(homography: NDArray[np.float64]) -> NDArray[np.float64]:
    """The way back."""
    return np.asarray(np.linalg.inv(homography), np.float64)


def project(homography: NDArray[np.float64], points: Points) -> Points:
    """Points through a homography."""
    return np.asarray(cv2.perspectiveTransform(points.reshape(-1, 1, 2), homography), np.float64).reshape(-1, 2)


def load_calibration(path: Path) -> CameraCalibration:
    """Read a calibration file; ConfigError when it is missing, damaged or unusable."""
    return load_toml(path, CameraCalibration, "calibration")


def as_toml(calibration: CameraCalibration) -> str:
    """The file that `load_calibration` reads."""
    values = calibration.model_dump(mode="json", exclude_none=True)
    evidence = values.pop("evidence")
    lines = [
        "# Written by `linegate calibrate`. Holds while camera, lens, focus, image size and plane stay as they are.",
        *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()),
        "",
        "[evidence]",
        *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in evidence.items()),
    ]
    return "\n".join(lines) + "\n"
