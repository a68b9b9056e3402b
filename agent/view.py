"""What of the camera's image is inspected, and how it lies: region of interest, rotation, grey or colour.

The region is a rectangle of the camera's own image, whose pixels are those of a snapshot; it is cut out, then turned.
With a calibration file the same step makes it flat: its pixels are of one size in mm all over, lens and perspective
undone. Either way a defect keeps its place in the robot frame when region or rotation change.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from agent.calibration import CameraCalibration, load_calibration
from agent.camera_config import ViewConfig
from agent.config import CalibrationConfig, Config
from agent.errors import ConfigError, NoDecision
from agent.flat_view import FlatView, Window
from agent.inspection import Frame, Image, Reason
from agent.judge import Calibration

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class View:
    """Applied to every frame before anybody looks at it.

    `camera`: what `linegate calibrate` found, None = the image as it is. Raises ConfigError when the region does not
    lie in the calibrated image, or when a turned image has no region and so no known size.
    """

    def __init__(self, config: ViewConfig, camera: CameraCalibration | None = None) -> None:
        self._config, self._camera = config, camera
        region = config.region
        self._region = Window(region.x_px, region.y_px, region.width_px, region.height_px) if region else None
        self._flat = camera and FlatView(camera, self._region_of(camera), config.rotate_deg)
        if config.rotate_deg and self._region is None and camera is None:
            raise ConfigError(
                f"view.rotate_deg = {config.rotate_deg} needs view.region, where the millimetres of the turned image "
                "begin: for the whole image give region = { x_px = 0, y_px = 0, width_px = …, height_px = … }"
            )

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height of the inspected image, where a region or a calibration file gives it."""
        window = self._flat.window if self._flat else self._region
        return window.turned_size(self._config.rotate_deg) if window else None

    def of(self, frame: Frame) -> Frame:
        """The same frame with the inspected image, uint8 HxW or HxWx3; a region alone is not copied.

        Raises NoDecision when the frame is incomplete, does not hold the region or is not of the calibrated size.
        """
        if not frame.whole:
            raise NoDecision(Reason.FRAME_INCOMPLETE, "the camera delivered an incomplete frame")
        image = self._flat.of(frame.image) if self._flat else self._turned(self._cut(frame.image))
        return replace(frame, image=self._coloured(image))

    def calibration(self, station: CalibrationConfig) -> Calibration:
        """Pixels of the inspected image → the robot's millimetres."""
        x_mm, y_mm = (self._camera.mm_per_px, self._camera.mm_per_px) if self._camera else station.mm_per_px
        whole = Calibration(x_mm, y_mm, station.origin_x_mm, station.origin_y_mm, station.rotation_deg)
        window = self._flat.window if self._flat else self._region or Window(0, 0, 0, 0)
        turn = self._config.rotate_deg
        origin = whole.to_robot(*window.first_pixel(turn))
        sides = (x_mm, y_mm) if turn in (0, 180) else (y_mm, x_mm)
        return Calibration(*sides, *origin, station.rotation_deg - turn)

    def _region_of(self, camera: CameraCalibration) -> Window:
        whole = Window(0, 0, *camera.size)
        if self._region and not whole.holds(self._region):
            width, height = camera.size
            raise ConfigError(f"view.region does not lie in the calibrated image of {width} × {height} px: make it fit")
        return self._region or whole

    def _cut(self, image: Image) -> Image:
        region = self._region
        if region is None:
            return image
        height, width = image.shape[:2]
        if not Window(0, 0, width, height).holds(region):
            raise NoDecision(Reason.FRAME_SIZE, f"the image of {width} × {height} px does not hold [view] region")
        return image[region.top_px : region.bottom_px, region.left_px : region.right_px]

    def _turned(self, image: Image) -> Image:
        turn = self._config.rotate_deg
        return np.asarray(cv2.rotate(image, _TURNS[turn]), np.uint8) if turn else image

    def _coloured(self, image: Image) -> Image:
        grey = image.ndim == 2
        if self._config.colour == "grey" and not grey:
            return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        if self._config.colour == "colour" and grey:
            return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        return image


def open_view(config: Config) -> View:
    """The station's view; ConfigError when its calibration file or its region does not fit the camera."""
    file, region = config.calibration.file, config.view.region
    camera = load_calibration(file) if file else None
    for axis, key in enumerate(("width_px", "height_px")):
        asked: int | None = getattr(config.camera, key, None)
        if asked and camera and asked != camera.size[axis]:
            raise ConfigError(
                f"camera.{key} = {asked}, but {file} was made with {camera.size[axis]}: "
                "calibrate again, or set the camera back"
            )
        end = region and (region.x_px + region.width_px, region.y_px + region.height_px)[axis]
        if asked and end and end > asked:
            raise ConfigError(f"view.region reaches to pixel {end}, but camera.{key} = {asked}: make the region fit")
    return View(config.view, camera)
