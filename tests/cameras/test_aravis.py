"""The Aravis driver against a real GigE Vision camera at the wire (Aravis' own fake one, on loopback)."""

from __future__ import annotations

import gc
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.cameras.drivers import aravis_library
from agent.cameras.drivers.aravis_buffers import BUFFERS
from agent.cameras.drivers.aravis_devices import usb_cameras_without_permission
from agent.cameras.drivers.aravis_library import Aravis, GLib, in_cameras_words
from agent.cameras.inbox import Inbox
from agent.errors import CameraMissing, ConfigError
from agent.inspection import Frame, Image
from tests.cameras.fake_gige import FakeCamera, asked, driver, now
from tests.cameras.gige_process import GigeProcess
from tests.conftest import ROOT

pytestmark = pytest.mark.gige


@pytest.fixture
def camera() -> Iterator[FakeCamera]:
    camera = FakeCamera()
    yield camera
    gc.collect()  # drivers that were refused are let go while the camera still answers
    camera.kill()


def is_the_fake_cameras_picture(image: Image) -> bool:
    """Each line is the one above, moved by a pixel: a lost packet would leave a hole."""
    return bool(image.any() and (image[1:, :-1] == image[:-1, 1:]).all())


def stream(frames: int, timeout_s: float = 10, **settings: Any) -> list[Frame]:
    """The first frames of the camera running free."""
    seen: list[Frame] = []
    running = driver("presence", **settings)
    running.start(Inbox(seen.append))
    until_s = time.monotonic() + timeout_s
    while len(seen) < frames and time.monotonic() < until_s:
        time.sleep(0.01)
    running.close()
    return seen


def test_a_frame_is_taken_when_it_is_asked_for(camera: FakeCamera) -> None:
    opened = asked()
    frames, asked_ns = [], []
    for seq in range(1, 6):
        asked_ns.append(time.monotonic_ns())
        frames.append(opened.grab(now(seq)))
    opened.close()
    assert [frame.frame_id - frames[0].frame_id for frame in frames] == [0, 1, 2, 3, 4]
    for frame, before_ns in zip(frames, asked_ns, strict=True):
        assert before_ns <= frame.captured_ns <= frame.received_ns <= time.monotonic_ns()
        assert (frame.image.shape, frame.exposure_us, frame.simulated) == ((96, 128), 10_000, False)
        assert is_the_fake_cameras_picture(frame.image)


def test_frame_numbers_go_on_where_the_cameras_wrap(camera: FakeCamera) -> None:
    """The fake camera begins at 65401; after 65535 comes 1. All frames are kept: none changes, and none is kept out."""
    frames = stream(180, rate_per_s=500)
    ids = [frame.frame_id for frame in frames]
    assert ids == sorted(set(ids))
    assert (ids[0], ids[-1]) == (65_401, pytest.approx(65_400 + len(ids), abs=20))  # a busy computer may miss some
    assert all(is_the_fake_cameras_picture(frame.image) for frame in frames if frame.complete)
    assert len({frame.image.tobytes() for frame in frames}) > BUFFERS


def test_a_frame_is_lent_for_as_long_as_any_part_of_it_is_looked_at(camera: FakeCamera) -> None:
    parts: list[tuple[Image, Image]] = []
    running = driver("presence", rate_per_s=500)
    running.start(Inbox(lambda frame: parts.append((part := frame.image[10:60, 20:90], part.copy()))))
    while len(parts) < 3 * BUFFERS:
        time.sleep(0.01)
    running.close()
    gc.collect()
    assert all(np.array_equal(part, copy) for part, copy in parts)


def test_a_frame_that_lost_packets_is_never_taken_for_whole(caplog: pytest.LogCaptureFixture) -> None:
    camera = FakeCamera("-r", 10)  # of a thousand packets; a frame has 22, most get through whole
    frames = stream(40, rate_per_s=50, width_px=192, height_px=144)
    camera.kill()
    whole = [frame for frame in frames if frame.complete]
    assert 0 < len(whole) < len(frames)
    assert all(is_the_fake_cameras_picture(frame.image) for frame in whole)
    assert all(frame.image.size == 0 for frame in frames if not frame.complete)
    ids = {frame.frame_id for frame in frames}
    assert len(ids) == len(frames), "each is told of once"
    gaps = max(ids) - min(ids) + 1 - len(ids)
    assert gaps <= 3 + caplog.text.count("lost its first packet"), "three may be under way: lost packets are waited for"


def test_a_frame_that_ends_early_is_not_whole_though_camera_and_aravis_say_so(tmp_path: Path) -> None:
    """What it lacks is filled with whatever part was in that buffer before."""
    seen: list[Frame] = []
    with GigeProcess(tmp_path) as camera:
        running = driver("hardware", device=camera.address, width_px=64, height_px=64)
        running.start(Inbox(seen.append))
        for number in range(1, BUFFERS + 5):
            if number == BUFFERS + 2:
                camera.type("short 2")
            camera.show(np.full((64, 64), number, np.uint8))
            camera.until(lambda number=number: len(seen) == number, "the frame arrives")  # type: ignore[misc]
        running.close()
    assert [frame.frame_id for frame in seen if not frame.complete] == [BUFFERS + 2, BUFFERS + 3]
    assert all((frame.image == frame.frame_id).all() for frame in seen), "each shows its own part, or nothing"


def test_colour_and_deep_formats_reach_the_station_as_8_bits(camera: FakeCamera) -> None:
    for pixel_format, shape in (("BayerRG8", (96, 128, 3)), ("Mono16", (96, 128))):
        frame = stream(1, pixel_format=pixel_format)[0]
        assert (frame.complete, frame.image.shape, frame.image.dtype) == (True, shape, np.uint8)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"trigger_source": "Line1"},
            r"camera\.trigger_source = 'Line1': the camera refuses TriggerSource: .*: give one of (Software|Line0), ",
        ),
        ({"exposure_us": 1}, r"camera\.exposure_us = 1: the camera refuses .*: give 10 to 1e\+07"),
        ({"gain_db": 3}, r"camera\.gain_db = 3: this camera has no Gain or GainAbs in dB: .*GainRaw"),
        ({"width_px": 4000}, r"camera\.width_px = 4000: the camera refuses Width: .*: give 1 to 2048 in steps of 1"),
        ({"pixel_format": "Mono12"}, r"camera\.pixel_format = 'Mono12': the camera refuses .*Mono8"),
        ({"pixel_format": "Coord3D_C16"}, r"camera\.pixel_format = 'Coord3D_C16' is not supported: give one of Mono"),
        ({"features": {"Sharpness": 3}}, r"camera\.features\.Sharpness = 3: this camera has no Sharpness"),
        ({"features": {"BinningVertical": "2"}}, r"BinningVertical: it is a Integer, not a str: give 1 to 16"),
        # the read-back: what was set last has changed what was set before
        ({"features": {"TriggerSource": "Software"}}, r"trigger_source = 'Line0': .* has TriggerSource = 'Software'"),
    ],
)  # fmt: skip
def test_what_the_camera_does_not_take_is_one_line(camera: FakeCamera, settings: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as caught:
        driver("hardware", **{"trigger_source": "Line0"} | settings)
    assert "\n" not in str(caught.value)


def test_a_camera_that_is_not_there_or_busy_is_missing(camera: FakeCamera) -> None:
    with pytest.raises(CameraMissing, match=r"no camera 'GV77'; seen: .*Aravis Fake, serial GV01, 127\.0\.0\.1"):
        driver(device="GV77")
    first = driver(device="GV01")
    with pytest.raises(CameraMissing, match=r"camera '127\.0\.0\.1' is busy: .* controls it: close what uses it"):
        driver()
    first.close()
    with pytest.raises(ConfigError) as caught:
        driver(gain_db=3)
    driver().close()
    assert caught.value, "whoever still holds the error does not hold the camera"


def test_without_a_frame_the_grab_ends_by_itself_and_the_camera_is_not_lost(camera: FakeCamera) -> None:
    """Triggered by a line that nothing is wired to; it is asked whether it is there, and it is."""
    opened = driver("hardware", trigger_source="Line0")
    inbox = Inbox()
    opened.start(inbox)
    assert inbox.wait(lambda frames: frames[0] if frames else None, time.monotonic_ns() + 300_000_000) is None
    for _ in range(8):
        opened.check()
        time.sleep(0.03)
    opened.close()


REFUSALS = {
    "FEATURE_NOT_FOUND", "WRONG_FEATURE", "INVALID_PARAMETER", "NO_STREAM_CHANNEL", "PROTOCOL_ERROR_NOT_IMPLEMENTED",
    "PROTOCOL_ERROR_INVALID_PARAMETER", "PROTOCOL_ERROR_INVALID_ADDRESS", "PROTOCOL_ERROR_WRITE_PROTECT",
    "PROTOCOL_ERROR_BAD_ALIGNMENT",
}  # fmt: skip


def test_what_may_pass_is_waited_for_and_what_the_camera_refuses_is_not() -> None:
    device, aravis = Aravis.DeviceError, Aravis.device_error_quark()
    errors = {name: (aravis, getattr(device, name)) for name in dir(device) if name.isupper()}
    errors["range"] = Aravis.gc_error_quark(), Aravis.GcError.OUT_OF_RANGE
    errors["network"] = GLib.quark_from_string("g-io-error-quark"), 38
    for name, (quark, code) in errors.items():
        refused = name in (*REFUSALS, "range")
        with (
            pytest.raises(ConfigError if refused else CameraMissing, match=name if refused else f"camera 'x': {name}"),
            in_cameras_words("camera 'x'"),
        ):
            raise GLib.Error.new_literal(quark, name, int(code))


def test_a_usb_camera_without_permission_is_named_with_the_rule_that_opens_it(tmp_path: Path) -> None:
    """Aravis leaves it out of its list without a word."""
    device, interface = tmp_path / "2-1", tmp_path / "2-1:1.0"
    for folder, files in (
        (device, {"manufacturer": "Acme", "product": "U3-12", "idVendor": "1ab2", "uevent": "DEVNAME=bus/usb/002/003"}),
        (interface, {"bInterfaceClass": "ef", "bInterfaceSubClass": "05"}),
    ):
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text + "\n")
    (found,) = usb_cameras_without_permission(tmp_path, tmp_path / "dev")
    assert f"Acme U3-12 at {tmp_path}/dev/bus/usb/002/003" in found
    assert 'ATTRS{idVendor}=="1ab2"' in found
    (tmp_path / "dev/bus/usb/002").mkdir(parents=True)
    (tmp_path / "dev/bus/usb/002/003").touch()
    assert usb_cameras_without_permission(tmp_path, tmp_path / "dev") == []


def test_without_aravis_it_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not use it needs not have it."""
    monkeypatch.setitem(sys.modules, "gi", None)
    try:
        importlib.reload(aravis_library)
        with pytest.raises(ConfigError, match=r"Aravis cannot be loaded .*gir1\.2-aravis-0\.8.*uv pip install --con"):
            aravis_library.require_aravis()
    finally:
        monkeypatch.undo()
        importlib.reload(aravis_library)


def test_a_station_waits_for_its_camera_and_ends_when_it_is_lost(tmp_path: Path, two_verdict_model: Path) -> None:
    toml = (ROOT / "config" / "timer.toml").read_text()
    toml = toml.replace('driver = "folder"\npath = "sample_tiles"', 'driver = "aravis"\ndevice = "127.0.0.1"\n'
                        "exposure_us = 10000\nwidth_px = 64\nheight_px = 64")  # fmt: skip
    toml = toml.replace("../models/magnetic_tile.onnx", str(two_verdict_model)).replace("= 500", "= 100")
    toml = toml.replace("recipes/", f"{ROOT}/config/recipes/").replace("../state/timer", str(tmp_path / "state"))
    ipc = {name: f"ipc://{tmp_path}/{name}" for name in ("results", "replay", "control")}
    toml += "[publisher]\n" + "".join(f"{name} = {json.dumps(where)}\n" for name, where in ipc.items())
    (tmp_path / "line.toml").write_text(toml)
    station = subprocess.Popen(
        [sys.executable, "-m", "agent", "run", tmp_path / "line.toml"], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert station.stderr is not None
    said = []
    for line in station.stderr:
        said.append(line)
        if "waiting: no camera '127.0.0.1'; seen: none" in line:
            break
    camera = FakeCamera()
    for line in station.stderr:
        said.append(line)
        if "READY" in line:
            break
    time.sleep(0.3)
    camera.kill()
    said += station.stderr.readlines()
    assert station.wait(10) == 1, "".join(said)
    assert "camera lost: '127.0.0.1': it does not answer" in said[-1]
    assert not any("Traceback" in line for line in said)
