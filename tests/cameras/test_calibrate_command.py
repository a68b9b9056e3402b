"""`linegate calibrate` as an engineer uses it: from the photo to a station that measures by it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.calibration import load_calibration
from agent.cameras.commissioning.calibrate_command import calibrate
from agent.cameras.commissioning.calibration_target import Target, find_target
from agent.check.check import check_config
from agent.check.report import print_report
from tests.cameras.target_photo import KnownCamera, checkerboard
from tests.conftest import ROOT, Linegate

BOARD = ("--columns", "11", "--rows", "8", "--pitch-mm", "10")
CAMERA = KnownCamera()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "plane.png"
    cv2.imwrite(str(path), CAMERA.photo(checkerboard(11, 8, 10)))
    return path


def test_from_the_photo_to_a_station_that_checks(
    linegate: Linegate, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, drawn = tmp_path / "line1.calibration.toml", tmp_path / "overlay.png"
    said = linegate("calibrate", photo, *BOARD, "--out", out, "--overlay", drawn)
    assert said.returncode == 0, said.stderr
    for words in (
        "checkerboard of 11 × 8 inner corners, pitch 10 mm: 88 points, 1 photo",
        r"scale +0\.20\d+ mm/px; at the centre x 0\.2\d+, y 0\.2\d+",
        r"perspective 0\.1\d+ … 0\.2\d+ mm/px over the view",
        r"lens +k1.*: moves points by up to \d+\.\d px",
        r"residual +RMS 0\.0\d+ mm \(0\.0\d+ px\), at most 0\.\d+ mm \(0\.\d+ px\)",
        r"coverage +\d\d% of what is inspected",
        "warning +one photo",
    ):
        assert re.search(words, said.stdout), (words, said.stdout)
    assert cv2.imread(str(drawn)).shape == (512, 640, 3)
    station = tmp_path / "line1.toml"
    text = (
        (ROOT / "config" / "demo.toml")
        .read_text()
        .replace('"../', f'"{ROOT}/')
        .replace('"recipes', f'"{ROOT}/config/recipes')
    )
    station.write_text(re.sub(r"x_mm_per_px.*\ny_mm_per_px.*\n", f'file = "{out.name}"\n', text))
    print_report(check_config(station))
    scale = f"{load_calibration(out).mm_per_px:.4g}"
    assert f"scale    {scale} × {scale} mm/px, by line1.calibration.toml" in capsys.readouterr().out


def written(folder: Path, name: str, image: np.ndarray) -> Path:
    cv2.imwrite(str(folder / name), image)
    return folder / name


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (lambda photo, folder: {"photos": [folder / "no.png"]}, "no.png: No such file or directory: check the path"),
        (lambda photo, folder: {"photos": [ROOT / "README.md"]}, "README.md: no image that can be read"),
        (lambda photo, folder: {"photos": [photo, photo]}, "plane.png is given twice"),
        (
            lambda photo, folder: {"photos": [photo, written(folder, "small.png", np.zeros((48, 64), np.uint8))]},
            "small.png: 64 × 48 px, the first has 640 × 512 px",
        ),
        (
            lambda photo, folder: {"photos": [written(folder, "empty.png", np.zeros((48, 64), np.uint8))]},
            "empty.png: no checkerboard of 11 × 8 inner corners, pitch 10 mm in the image of 64 × 48 px",
        ),
        (lambda photo, folder: {"photos": None}, "no photo: give one of the target in the plane of the parts"),
        (lambda photo, folder: {"photos": [photo], "out": folder / "no" / "x.toml"}, "x.toml cannot be written: "),
        (lambda photo, folder: {"photos": [photo], "overlay": folder / "x.txt"}, "give a name that ends in .png or "),
        (lambda photo, folder: {"print_target": folder / "x.pdf"}, "give a name that ends in .svg"),
    ],
)  # fmt: skip
def test_what_cannot_be_calibrated_is_one_line(
    given: Callable[[Path, Path], dict[str, object]],
    complaint: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        calibrate(columns=11, rows=8, pitch_mm=10, **given(photo, tmp_path))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert complaint in said


def test_little_coverage_and_a_bad_residual_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = KnownCamera(mm_per_px=0.35).photo(checkerboard(11, 8, 10))
    rows = np.arange(512, dtype=np.float32)[:, None] + np.zeros(640, np.float32)
    columns = np.arange(640, dtype=np.float32)[None] + 2 * np.sin(rows / 20)  # an uneven belt under a line camera
    image = cv2.remap(image, columns, rows, cv2.INTER_LINEAR)
    calibrate(columns=11, rows=8, pitch_mm=10, photos=[written(tmp_path, "wavy.png", image)])
    said = capsys.readouterr().out
    assert "warning     residual above 0.3 px RMS or 1 px" in said
    assert re.search(r"warning     the target covers [12]\d% of what is inspected", said)


@pytest.mark.parametrize(("border", "share"), [(1.0, 70), (1.5, 60)], ids=["as demanded", "as printed"])
def test_a_target_that_fills_the_view_covers_it(
    border: float, share: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = (round((12 + 2 * border) * 45), round((9 + 2 * border) * 45))
    filled = KnownCamera(tilt_deg=(0, 0, 0), mm_per_px=10 / 45, distortion=(0, 0, 0, 0, 0), size=size)
    calibrate(
        columns=11, rows=8, pitch_mm=10, photos=[written(tmp_path, "x.png", filled.photo(checkerboard(11, 8, 10)))]
    )
    said = capsys.readouterr().out
    assert "the target covers" not in said
    assert abs(int(re.search(r"coverage +(\d+)%", said).group(1)) - share) <= 1


def test_coverage_is_that_of_the_stations_region(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    station = tmp_path / "line1.toml"
    text = (ROOT / "config" / "line.toml").read_text()
    for width_px, complaint in ((200, None), (2000, "does not lie in the photo of 640 × 512 px")):
        region = f"region = {{ x_px = 220, y_px = 150, width_px = {width_px}, height_px = 200 }}\n"
        station.write_text(text.replace("[view]", "[view]\n" + region))
        if complaint:
            with pytest.raises(SystemExit):
                calibrate(columns=11, rows=8, pitch_mm=10, photos=[photo], config=station)
            assert complaint in capsys.readouterr().err
        else:
            calibrate(columns=11, rows=8, pitch_mm=10, photos=[photo], config=station)
            assert "coverage    100% of what is inspected" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["checkerboard", "dots"])
def test_the_printed_target_is_the_one_that_is_found(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "target.svg"
    calibrate(columns=11, rows=8, pitch_mm=10, target=kind, print_target=path)
    root = ElementTree.parse(path).getroot()
    width_mm, height_mm = (float(root.attrib[side].removesuffix("mm")) for side in ("width", "height"))
    image = np.full((round(height_mm * 5), round(width_mm * 5)), 255, np.uint8)  # 5 px a mm
    for shape in root:
        at = {
            key: float(value) * 5
            for key, value in shape.attrib.items()
            if key in {"x", "y", "width", "height", "cx", "cy", "r"}
        }
        if shape.tag.endswith("rect") and shape.attrib.get("fill") != "white":
            image[int(at["y"]) : int(at["y"] + at["height"]), int(at["x"]) : int(at["x"] + at["width"])] = 0
        if shape.tag.endswith("circle"):
            cv2.circle(image, (round(at["cx"]), round(at["cy"])), round(at["r"]), 0, -1)
    found = find_target(image, Target(kind, 11, 8, 10.0))
    steps_px = np.linalg.norm(np.diff(found.camera_px, axis=0), axis=1)
    assert steps_px / 5 == pytest.approx(np.linalg.norm(np.diff(found.target_mm, axis=0), axis=1), abs=0.05)
