"""linegate camera list, snap, live: against real producers, files, and a GigE camera at the wire."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from agent.__main__ import main
from agent.camera_config import AravisCamera
from agent.cameras.commissioning.frame_statistics import Statistics
from agent.cameras.commissioning.listing import Search, SeenCamera, print_searches
from agent.cameras.commissioning.showing import Look
from agent.cameras.drivers.aravis import AravisDriver
from agent.inspection import Frame, Image
from agent.local_line import to_toml
from tests.cameras.gentl_camera import build_producer, viky
from tests.cameras.gige_process import GigeProcess
from tests.conftest import ROOT

pytestmark = pytest.mark.gige

MS = 1_000_000


RECIPE = """name = "any"
job = 1
frame = { min_mean_grey = 20, max_mean_grey = 200 }
[classes]
"""


@pytest.fixture(scope="module")
def cti(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_producer(tmp_path_factory.mktemp("gentl"))


def station(folder: Path, camera: dict[str, Any], trigger: dict[str, Any], more: dict[str, Any] | None = None) -> Path:
    """A station's file; its recipe wants photos of 20 to 200 mean grey."""
    (folder / "recipe.toml").write_text(RECIPE)
    path = folder / "station.toml"
    settings = {
        "recipe": "recipe.toml",
        "station": {"line": "line1", "name": "cam1", "state_dir": "state"},
        "camera": camera,
        "trigger": {"min_pitch_ms": 200} | trigger,
        "calibration": {"x_mm_per_px": 0.1, "y_mm_per_px": 0.1},
        "model": {"path": str(ROOT / "models" / "magnetic_tile.onnx"), "provider": "cpu"},
    }
    path.write_text(to_toml(settings | (more or {})))
    return path


def failing(folder: Path, cti: Path, fault: str, trigger_source: str = "Line1") -> Path:
    """A station with the test producer's camera, fired every 20 ms."""
    camera = {"driver": "genicam", "cti": str(cti), "device": "T1", "exposure_us": 500,
              "trigger_source": trigger_source}  # fmt: skip
    return station(folder, camera, {"mode": "every_frame"}, {"camera.features": {"TestFault": fault}})


class Run:
    """`linegate ARGUMENTS`, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch
        monkeypatch.setenv("COLUMNS", "200")
        self.out = self.err = ""

    def __call__(self, *arguments: object) -> int:
        self._monkeypatch.setattr(sys, "argv", ["linegate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        self.out, self.err = self._capsys.readouterr()
        return int(ended.value.code or 0)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interval_s = sys.getswitchinterval()
    yield Run(capsys, monkeypatch)
    sys.setswitchinterval(interval_s)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_list_shows_every_camera_and_what_was_searched(run: Run, cti: Path) -> None:
    assert run("camera", "list", "--cti", cti, "--json") == 0
    listed = json.loads(run.out)
    seen = [(camera["device"], camera["serial"], camera["state"]) for camera in listed["cameras"]
            if camera["driver"] == "genicam"]  # fmt: skip
    assert seen == [("T1", "4711", "free"), ("HELD", "4712", "in use")]
    assert any("V4L2" in where for where in listed["searched"])
    assert listed["not_searched"] == {}


def test_a_narrow_terminal_cuts_nothing_that_must_be_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    typed = ("Allied Vision Technologies-50-0503355432", "DEV_000F315B1C2A4711", "192.168.130.110")
    seen = SeenCamera("aravis", typed[0], "Allied Vision Technologies", "Mako G-125B (E0020001)", *typed[1:],
                      "GigEVision", "free")  # fmt: skip
    print_searches([Search("Aravis", (seen,))], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert any(all(word in line for word in ("aravis", *typed, "free")) for line in lines), lines


def test_list_says_what_it_could_not_search(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gi", None)
    for module in ("aravis_library", "aravis_devices"):
        monkeypatch.delitem(sys.modules, f"agent.cameras.drivers.{module}", raising=False)
    monkeypatch.setenv("GENICAM_GENTL64_PATH", str(viky().parent))
    assert run("camera", "list") == 0
    assert "Aravis (GigE Vision, USB3 Vision): not searched:" in run.out
    assert f"GenTL: not searched: give --cti FILE, one of {viky()}" in run.out


def test_snap_shows_what_the_station_would_see(run: Run, tmp_path: Path) -> None:
    """Cut and turned by [view]; and whether the recipe would have it."""
    images = tmp_path / "images"
    images.mkdir()
    cv2.imwrite(str(images / "bright.png"), np.full((40, 60), 250, np.uint8))
    region = {"x_px": 0, "y_px": 0, "width_px": 60, "height_px": 30}
    config = station(tmp_path, {"driver": "folder", "path": str(images)}, {"mode": "timer", "period_ms": 500},
                     {"view": {"rotate_deg": 90}, "view.region": region})  # fmt: skip
    assert run("camera", "snap", config, "-o", tmp_path / "seen.png") == 0
    assert run.out.startswith("frame 1: 30 × 60 px grey, exposure not told, mean grey 250.0, 0.00% saturated")
    assert "would not decide on it (frame_quality): mean grey 250 outside 20..200" in run.err
    assert cv2.imread(str(tmp_path / "seen.png"), cv2.IMREAD_UNCHANGED).shape == (60, 30)
    assert run("camera", "snap", config, "--raw", "-o", tmp_path / "raw.png") == 0
    assert cv2.imread(str(tmp_path / "raw.png"), cv2.IMREAD_UNCHANGED).shape == (40, 60)


def test_a_gige_camera_without_a_station_and_one_that_its_line_fires(run: Run, tmp_path: Path) -> None:
    """Found, held, snapped free running and on the photo-eye's edge; watched at the pace of the line."""
    scene = np.full((64, 64), 90, np.uint8)
    with GigeProcess(tmp_path) as camera:
        assert run("camera", "snap", "--device", camera.address, "-o", tmp_path / "a.png") == 78
        assert re.fullmatch(r"error: camera.exposure_us is missing: the camera has ExposureTime = .*\n", run.err)
        asked = ("--device", camera.address, "--exposure-us", 300, "-o", tmp_path / "a.png")
        assert run("camera", "snap", *asked) == 0
        assert "64 × 64 px grey, exposure 300 µs" in run.out
        config = station(tmp_path, {"driver": "aravis", "device": camera.address, "exposure_us": 300},
                         {"mode": "every_frame"})  # fmt: skip
        with line_running(camera, scene):
            assert run("camera", "snap", config, "-o", tmp_path / "b.png") == 0
            assert "mode = 'every_frame': waiting 10 s for the next fired frame" in run.err
            assert run("camera", "live", config, "--seconds", 1.2, "--json") == 0
        summary = json.loads(run.out.splitlines()[-1])
        assert summary["frames"] > 10
        assert (summary["missing"], summary["out_of_order"]) == (0, 0)
        assert summary["exposure_to_station_ms"]["median"] > 0  # it has a clock
        driver = AravisDriver(AravisCamera(driver="aravis", device=camera.address, exposure_us=300), "presence")
        assert run("camera", "snap", *asked) == 1
        driver.close()
    assert re.fullmatch(rf"error: camera '{camera.address}' is busy: .*\n", run.err)


def test_snap_wants_a_whole_frame(run: Run, tmp_path: Path) -> None:
    with GigeProcess(tmp_path, "--fault", "incomplete=1") as camera:
        snap = ("camera", "snap", "--device", camera.address, "--exposure-us", 300, "-o", tmp_path / "a.png")
        assert run(*snap, "--timeout", 0.7) == 1
    assert re.search(r"error: no whole frame within 0.7 s: \d+ came incomplete: see packet size and cable\n$", run.err)
    assert not (tmp_path / "a.png").exists()


@contextmanager
def line_running(camera: GigeProcess, scene: Image) -> Iterator[None]:
    """A part every 20 ms."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.02):
            camera.show(scene)

    line = threading.Thread(target=run)
    line.start()
    yield
    over.set()
    line.join()


def test_live_counts_what_comes_torn_and_sums_it_up(run: Run, tmp_path: Path, cti: Path) -> None:
    assert run("camera", "live", failing(tmp_path, cti, "Incomplete"), "--seconds", 1.3, "--json") == 0
    first, *_, summary = [json.loads(line) for line in run.out.splitlines()]
    assert first["second"] == 1
    assert summary["summary"] is True
    assert summary["frames"] // 3 <= summary["incomplete"] < summary["frames"], "a busy computer may tear some more"
    assert summary["frames"] > first["frames"] > 20
    assert summary["missing"] == 0
    assert 15 < summary["interval_ms"]["median"] < 40
    assert summary["driver_to_station_ms"]["max"] >= summary["driver_to_station_ms"]["median"] > 0


def test_ctrl_c_ends_live_with_the_summary(run: Run, tmp_path: Path, cti: Path) -> None:
    threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert run("camera", "live", failing(tmp_path, cti, "NoStamp")) == 0
    assert re.search(r"^ *\d+ frames, [\d.]+/s; 0 missing, 0 out of order, 0 incomplete", run.out, re.MULTILINE)
    assert "frame in driver → in hand, ms" in run.out
    assert "exposure → in hand" not in run.out  # it has no clock


def test_live_asks_at_the_rate_it_is_given(run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8), np.uint8))
    config = station(tmp_path, {"driver": "folder", "path": str(tmp_path)}, {"mode": "timer", "period_ms": 500})
    assert run("camera", "live", config, "--seconds", 0.5, "--rate", 10) == 0
    assert re.search(r"^ *[4-6] frames, ", run.out, re.MULTILINE)


def test_live_ends_with_the_summary_and_a_fault_when_the_camera_is_lost(run: Run, tmp_path: Path, cti: Path) -> None:
    assert run("camera", "live", failing(tmp_path, cti, "Lost"), "--json") == 1
    assert json.loads(run.out.splitlines()[-1])["frames"] == 3
    assert re.fullmatch(r"error: camera T1 .* lost: .*\n", run.err)


def test_a_camera_that_nobody_fires_is_a_fault_that_says_where_to_look(run: Run, tmp_path: Path, cti: Path) -> None:
    config = failing(tmp_path, cti, "None", trigger_source="Software")
    for command in (["live", config, "--seconds", 0.2], ["snap", config, "-o", tmp_path / "x.png", "--timeout", 0.2]):
        assert run("camera", *command) == 1
        assert "see the photo-eye and its wire" in run.err


def test_check_says_what_a_camera_lacks_without_asking_it(run: Run, tmp_path: Path, cti: Path) -> None:
    camera = {"driver": "genicam", "cti": str(cti), "device": "not plugged in"}
    trigger = {"mode": "timer", "period_ms": 500}
    for wrong, complaint in {
        "pixel_format": "camera.pixel_format = 'wrong' is not supported",
        "cti": f"camera.cti: {tmp_path / 'wrong'}: no such file",
    }.items():
        assert run("check", station(tmp_path, camera | {wrong: "wrong"}, trigger)) == 78
        assert complaint in run.out


CALIBRATION = """image_width_px = 640
image_height_px = 480
mm_per_px = 0.1
camera_matrix = [[1000, 0, 320], [0, 1000, 240], [0, 0, 1]]
distortion = [0, 0, 0, 0, 0]
homography = [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 1]]
[evidence]
made_utc = ""
target = ""
lens_model = ""
photos_sha256 = []
points = 1
residual_rms_px = 0
residual_max_px = 0
residual_rms_mm = 0
residual_max_mm = 0
"""


def test_check_looks_at_the_first_picture_of_a_camera_that_is_files(run: Run, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    cv2.imwrite(str(images / "a.png"), np.full((40, 60), 100, np.uint8))
    (tmp_path / "calibration.toml").write_text(CALIBRATION)
    (tmp_path / "text.mp4").write_text("text")
    folder = {"driver": "folder", "path": str(images)}
    region = {"view.region": {"x_px": 0, "y_px": 0, "width_px": 61, "height_px": 30}}
    calibrated = {"calibration": {"file": "calibration.toml"}}
    timer = {"mode": "timer", "period_ms": 500}
    for camera, more, complaint in (
        (folder, region, "the image of 60 × 40 px does not hold [view] region: make [view]"),
        (folder, calibrated, "the image of 60 × 40 px is not the calibrated 640 × 480 px: make [view]"),
        ({"driver": "opencv", "source": "text.mp4"}, {}, "text.mp4 cannot be read as a video"),
        ({"driver": "opencv", "source": "none.mp4"}, {}, "no such file"),
    ):
        assert run("check", station(tmp_path, camera, timer, more)) == 78
        assert run.out.count(complaint) == 1
    cv2.imwrite(str(images / "a.png"), np.zeros((40, 60), np.uint16))
    assert run("check", station(tmp_path, folder, timer)) == 78
    assert "no picture in it can be read" in run.out


def test_check_warns_of_a_timer_that_is_faster_than_the_model(run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 60), 100, np.uint8))
    trigger = {"mode": "timer", "period_ms": 0.01, "min_pitch_ms": 0.01}
    recipe = {"recipe": str(ROOT / "config" / "recipes" / "magnetic_tile.toml")}
    assert run("check", station(tmp_path, {"driver": "folder", "path": str(tmp_path)}, trigger, recipe)) == 0
    assert "trigger.period_ms = 0.01 is shorter than the least that the model takes for a part" in run.out


@pytest.mark.parametrize(
    ("arguments", "exit_code", "complaint"),
    [
        (["snap", "-o", "x.png"], 2, "give either a station's file or --device ID"),
        (["live", "x.toml", "--device", "1"], 2, "give either a station's file or --device ID"),
        (
            ["snap", "x.toml", "-o", "x.png", "--cti", "x", "--exposure-us", "9"],
            2,
            "--cti, --exposure-us: only with --dev",
        ),
        (["live", "x.toml", "--pixel-format", "Mono8"], 2, "--pixel-format: only with --device; x.toml says itself"),
        (
            ["live", "--device", "0", "--cti", "VIKY", "--rate", "5"],
            2,
            "--rate: only where the station asks for each photo",
        ),
        (["live", "config/line.toml", "--rate", "5"], 2, "with trigger.mode = 'hardware' frames come by themselves"),
        (["snap", "x.toml"], 2, "--output"),
        (["snap", "x.toml", "-o", "x.png"], 78, "No such file"),
        (["snap", "--device", "0", "--cti", "VIKY", "-o", "x.jpgg"], 2, "no image format of that ending"),
        (["snap", "--device", "0", "--cti", "VIKY", "-o", "/no/such/x.png"], 2, "no such folder /no/such"),
        (["snap", "--device", "0", "--cti", "VIKY", "-o", "/proc/x.png"], 2, "give a file that can be written"),
        (["snap", "--device", "7", "--cti", "VIKY", "-o", "x.png"], 1, "no such device; seen through viky.cti: VikyTL"),
        (["snap", "--device", "0", "--cti", "x.cti", "-o", "x.png"], 78, "no such file"),
        (["list", "--cti", "/etc/hostname"], 78, "file too short"),
        (["live", "--device", "0", "--cti", "VIKY", "--pixel-format", "Mono9"], 78, "'Mono9' is not supported"),
        (["live", "--device", "0", "--cti", "VIKY", "--seconds", "0"], 2, "--seconds"),
    ],
)
def test_bad_input_is_one_line(run: Run, arguments: list[str], exit_code: int, complaint: str) -> None:
    assert run("camera", *(str(viky()) if word == "VIKY" else word for word in arguments)) == exit_code
    assert run.err.startswith("error: ")
    assert run.err.count("\n") == 1
    assert complaint in run.err


def test_statistics_count_gaps_repetitions_and_delays() -> None:
    image = np.zeros((4, 4), np.uint8)
    statistics = Statistics()
    for frame_id, at_ms in ((1, 0), (2, 10), (5, 40), (5, 50), (4, 60)):
        taken_ns = 1_000_000_000 + at_ms * MS
        frame = Frame(image, frame_id, taken_ns, 300, complete=frame_id != 2, received_ns=taken_ns + 2 * MS)
        statistics.add(frame, taken_ns + 3 * MS, Look(100, 0.5, 7) if frame_id == 1 else None)
    figures = statistics.figures()
    assert (figures["frames"], figures["missing"], figures["out_of_order"], figures["incomplete"]) == (5, 2, 2, 1)
    assert figures["interval_ms"] == {"min": 10, "median": 10, "p99": pytest.approx(29.4), "max": 30}
    assert figures["driver_to_station_ms"]["max"] == 1
    assert figures["exposure_to_station_ms"]["median"] == 3
    assert figures["saturated"]["median"] == 0.5
    rest = statistics.next_part()
    rest.add(Frame(image, 8, 2_000_000_000), 2_000_000_000)
    assert (rest.frames, rest.missing, rest.figures()["exposure_to_station_ms"]) == (1, 3, None)
