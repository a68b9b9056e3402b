"""`linegate calibrate`: millimetres per pixel, perspective and lens from photos of a target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cameras.commissioning.calibration_target import Kind, Target
from agent.errors import UsageError, exit_on_error

if TYPE_CHECKING:
    from agent.flat_view import Window
    from agent.inspection import Image

Photos = Annotated[
    list[Path] | None,
    typer.Argument(help="The target in the plane of the parts; then, for a better lens, some of it tilted."),
]


def calibrate(
    columns: Annotated[int, typer.Option(min=4, help="Inner corners, or dots, along one side.")],
    rows: Annotated[int, typer.Option(min=4, help="… and along the other.")],
    pitch_mm: Annotated[float, typer.Option(min=0.01, help="From one to the next, measured on the target.")],
    photos: Photos = None,
    target: Annotated[Kind, typer.Option(help="What the target shows.")] = "checkerboard",
    out: Annotated[Path | None, typer.Option(help="Write what the station reads as calibration.file.")] = None,
    overlay: Annotated[
        Path | None, typer.Option(help="Write the first photo with points, residuals and plane.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The station's file: coverage of its region.")] = None,
    print_target: Annotated[Path | None, typer.Option(help="Write such a target as SVG, in true size.")] = None,
) -> None:
    """Millimetres from photos of a target.

    Example: linegate calibrate plane.png --columns 11 --rows 8 --pitch-mm 10 --out line1.calibration.toml
    """
    with exit_on_error():
        board = Target(target, columns, rows, pitch_mm)
        if print_target:
            from agent.cameras.commissioning.target_drawing import target_svg

            if print_target.suffix != ".svg":
                raise UsageError(f"--print-target {print_target}: it is drawn as SVG: give a name that ends in .svg")
            _write(print_target, target_svg(board).encode())
            print(f"{print_target}: {board}; print it at 100 %, measure the pitch and give what you measured")
        if photos:
            _calibrate(photos, board, out, overlay, config)
        elif not print_target:
            raise UsageError("no photo: give one of the target in the plane of the parts, or --print-target FILE.svg")


def _calibrate(photos: list[Path], target: Target, out: Path | None, drawn: Path | None, config: Path | None) -> None:
    from rich.console import Console

    from agent.calibration import as_toml
    from agent.cameras.commissioning import calibration_report
    from agent.cameras.commissioning.calibration_fit import fit
    from agent.cameras.commissioning.calibration_target import find_target

    images, hashes = _read(photos)
    height, width = images[0].shape
    region = _region(config, width, height)
    sightings = []
    for path, image in zip(photos, images, strict=True):
        try:
            sightings.append(find_target(image, target))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
    found = fit(sightings, (width, height), target, hashes)
    covered = calibration_report.coverage(sightings[0], target.pitch_mm, region)
    console = Console(highlight=False, soft_wrap=True)
    for name, value in calibration_report.figures(found, covered):
        console.print(f"{name:12}{value}", markup=False)
    for doubt in calibration_report.doubts(found, covered):
        console.print(f"{'warning':12}{doubt}", style="yellow", markup=False)
    if drawn:
        _write_image(drawn, calibration_report.overlay(images[0], found, sightings[0]))
        console.print(f"{'overlay':12}{drawn}: residuals {calibration_report.MAGNIFIED} times as long", markup=False)
    if out:
        _write(out, as_toml(found).encode())
        console.print(f'{"written":12}{out}; in the station\'s file: [calibration] file = "{out.name}"', markup=False)


def _read(photos: list[Path]) -> tuple[list[Image], list[str]]:
    """The photos as grey images, uint8 HxW and all of one size, and the sha256 of each file."""
    images: list[Image] = []
    hashes: list[str] = []
    for path in photos:
        image, sha256 = _photo(path)
        if images and image.shape != images[0].shape:
            raise UsageError(f"photo {path}: {_size(image)}, the first has {_size(images[0])}: one camera, one setting")
        if sha256 in hashes:
            raise UsageError(f"photo {path} is given twice: each photo must show the target in another way")
        images.append(image)
        hashes.append(sha256)
    return images, hashes


def _photo(path: Path) -> tuple[Image, str]:
    import hashlib

    import cv2
    import numpy as np

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"photo {path}: {error.strerror}: check the path") from error
    # as the sensor's rows lie: a station does not look at what a photo says of its orientation
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        raise UsageError(f"photo {path}: no image that can be read: give PNG, TIFF, BMP or JPEG")
    return np.asarray(image, np.uint8), hashlib.sha256(data).hexdigest()


def _size(image: Image) -> str:
    return f"{image.shape[1]} × {image.shape[0]} px"


def _region(config: Path | None, width_px: int, height_px: int) -> Window:
    """What the station inspects of the image; without its file, all of it."""
    from agent.config import load_config
    from agent.flat_view import Window

    whole = Window(0, 0, width_px, height_px)
    region = load_config(config).view.region if config else None
    if region is None:
        return whole
    window = Window(region.x_px, region.y_px, region.width_px, region.height_px)
    if not whole.holds(window):
        raise UsageError(
            f"view.region of {config} does not lie in the photo of {width_px} × {height_px} px: "
            "give a photo in full, as `linegate camera snap` takes it"
        )
    return window


def _write_image(path: Path, image: Image) -> None:
    import cv2

    if not cv2.haveImageWriter(path.name):
        raise UsageError(f"--overlay {path}: no such kind of image: give a name that ends in .png or .jpg")
    _write(path, cv2.imencode(path.suffix, image)[1].tobytes())


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
