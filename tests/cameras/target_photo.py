"""Photos of a target, and of spots on the plane of the parts, by a camera that is known to the last digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from agent.calibration import CameraCalibration, Evidence, Points, inverse, project
from agent.inspection import Image

FINE = 4
"""Each pixel is the mean of so many by so many looks."""
WHITE, CONTRAST = 220, 180
Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""x and y in mm on the plane → dark?"""


@dataclass(frozen=True)
class KnownCamera:
    """Pinhole, radial and tangential distortion; tilted about x and y, turned about its axis, over a point in mm."""

    tilt_deg: tuple[float, float, float] = (6.0, -4.0, 3.0)
    over_mm: tuple[float, float] = (50.0, 35.0)
    mm_per_px: float = 0.2
    distortion: tuple[float, float, float, float, float] = (-0.12, 0.02, 0.0, 0.0, 0.0)
    size: tuple[int, int] = (640, 512)
    off_centre_px: tuple[float, float] = (0.0, 0.0)
    focal_px: float = 800.0

    @property
    def matrix(self) -> np.ndarray:
        x_px, y_px = (np.array(self.size) - 1) / 2 + self.off_centre_px
        return np.array([[self.focal_px, 0, x_px], [0, self.focal_px, y_px], [0, 0, 1.0]])

    @cached_property
    def ray_from_mm(self) -> np.ndarray:
        """3 × 3: mm on the plane → direction."""
        turn = cv2.Rodrigues(np.radians(self.tilt_deg))[0]
        shift = np.array([0, 0, self.focal_px * self.mm_per_px]) - turn @ (*self.over_mm, 0)
        return np.column_stack([turn[:, :2], shift])

    @property
    def off_axis_deg(self) -> float:
        """Between optical axis and plane's normal."""
        turn = cv2.Rodrigues(np.radians(self.tilt_deg))[0]
        return float(np.degrees(np.arccos(turn[2, 2])))

    def to_mm(self, camera_px: Points) -> Points:
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 100, 1e-12)
        lens = self.matrix, np.array(self.distortion)
        rays = cv2.undistortPoints(camera_px.reshape(-1, 1, 2), *lens, None, None, None, stop)
        return project(inverse(self.ray_from_mm), rays)

    def to_camera(self, mm: Points) -> Points:
        rays = np.column_stack([project(self.ray_from_mm, mm), np.ones(len(mm))])
        seen = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), self.matrix, np.array(self.distortion))[0]
        return seen.reshape(-1, 2)

    @cached_property
    def looks_mm(self) -> np.ndarray:
        """Where each of the looks of each pixel meets the plane, mm."""
        width, height = self.size
        x_px, y_px = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
        mm = self.to_mm(np.column_stack([x_px.ravel(), y_px.ravel()])).reshape(height, width, 2)
        return cv2.resize(mm, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LINEAR)

    def photo(self, pattern: Pattern, noise: float = 2.0) -> Image:
        """A grey photo, slightly soft and noisy."""
        dark = pattern(self.looks_mm[..., 0], self.looks_mm[..., 1]).astype(np.float32)
        grey = WHITE - CONTRAST * cv2.resize(dark, self.size, interpolation=cv2.INTER_AREA)
        grey = cv2.GaussianBlur(grey, (0, 0), 0.6) + np.random.default_rng(1).normal(0, noise, grey.shape)
        return np.clip(np.round(grey), 0, 255).astype(np.uint8)

    def truth(self) -> CameraCalibration:
        """What a perfect calibration would be, but for its place: mm on the plane are flat pixels, times mm_per_px."""
        homography = inverse(self.matrix @ self.ray_from_mm)
        evidence = Evidence(made_utc="", target="", lens_model="", photos_sha256=(), points=0, residual_rms_px=0,
                            residual_max_px=0, residual_rms_mm=0, residual_max_mm=0)  # fmt: skip
        width, height = self.size
        return CameraCalibration(image_width_px=width, image_height_px=height, mm_per_px=self.mm_per_px,
                                 camera_matrix=self.matrix.tolist(), distortion=self.distortion,
                                 homography=homography.tolist(), evidence=evidence)  # fmt: skip


def checkerboard(columns: int, rows: int, pitch_mm: float) -> Pattern:
    """The first inner corner lies at 0, 0 mm."""

    def dark(x_mm: np.ndarray, y_mm: np.ndarray) -> np.ndarray:
        column, row = np.floor(x_mm / pitch_mm) + 1, np.floor(y_mm / pitch_mm) + 1
        return ((column + row) % 2 == 0) & (column >= 0) & (column <= columns) & (row >= 0) & (row <= rows)

    return dark


def dots(columns: int, rows: int, pitch_mm: float) -> Pattern:
    """The first dot lies at 0, 0 mm."""

    def dark(x_mm: np.ndarray, y_mm: np.ndarray) -> np.ndarray:
        column = np.clip(np.round(x_mm / pitch_mm), 0, columns - 1)
        row = np.clip(np.round(y_mm / pitch_mm), 0, rows - 1)
        return np.hypot(x_mm - column * pitch_mm, y_mm - row * pitch_mm) < pitch_mm / 4

    return dark


def spot(centre_mm: tuple[float, float], radius_mm: float) -> Pattern:
    """One round defect."""
    return lambda x_mm, y_mm: np.hypot(x_mm - centre_mm[0], y_mm - centre_mm[1]) < radius_mm
