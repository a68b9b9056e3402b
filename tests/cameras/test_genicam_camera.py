"""The genicam driver against two real producers: MVTec's viky.cti, and one whose camera fails on demand."""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from agent.camera_config import GenicamCamera, Mode, TriggerConfig
from agent.cameras import open_camera as opening
from agent.cameras.drivers import genicam
from agent.cameras.drivers.genicam import GenicamDriver
from agent.cameras.drivers.gentl_producer import Producer
from agent.cameras.inbox import Inbox
from agent.errors import CameraMissing, ConfigError, Fault
from agent.inspection import Frame
from agent.view import View
from tests.cameras.gentl_camera import build_producer, viky
from tests.conftest import ROOT

SECOND_NS = 1_000_000_000


@pytest.fixture(scope="module")
def cti(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The producer whose camera T1 sends an image each 20 ms, and fails as its feature TestFault says."""
    return build_producer(tmp_path_factory.mktemp("gentl"))


def free_running(**settings: Any) -> GenicamCamera:
    """One of viky's cameras."""
    return GenicamCamera(driver="genicam", cti=viky(), **{"device": "VikyTL_DEV_red"} | settings)


def failing(cti: Path, fault: str = "None", **features: bool | int | float | str) -> GenicamCamera:
    """The test producer's camera."""
    return GenicamCamera(driver="genicam", cti=cti, device="4711", exposure_us=500,
                         features={"TestFault": fault} | features)  # fmt: skip


@contextmanager
def running(config: GenicamCamera, mode: Mode = "presence") -> Iterator[tuple[GenicamDriver, Inbox]]:
    """Opened and started; closed at the end."""
    driver, inbox = GenicamDriver(config, mode), Inbox()
    try:
        driver.start(inbox)
        yield driver, inbox
    finally:
        driver.close()


def first(inbox: Inbox, number: int) -> list[Frame]:
    """The first frames, as soon as there are so many."""

    def enough(frames: deque[Frame]) -> list[Frame] | None:
        return list(frames) if len(frames) >= number else None

    frames = inbox.wait(enough, time.monotonic_ns() + 5 * SECOND_NS)
    assert frames is not None, "no frames"
    return frames[:number]


@pytest.mark.parametrize(("pixel_format", "shape"), [("Mono8", (400, 400)), ("RGBa8", (400, 400, 3))])
def test_frames_come_whole_and_counted(pixel_format: str, shape: tuple[int, ...]) -> None:
    with running(free_running(pixel_format=pixel_format, rate_per_s=100)) as (driver, inbox):
        frames = first(inbox, 4)
        driver.check()
    assert [frame.frame_id for frame in frames] == [1, 2, 3, 4]
    assert all(frame.complete and frame.image.shape == shape for frame in frames)
    assert len({frame.image.tobytes() for frame in frames}) > 1  # each has its own memory: the ball moves


def test_a_frame_of_the_line_is_timed_by_the_cameras_clock(cti: Path) -> None:
    """It is an hour ahead of ours."""
    with running(failing(cti), "hardware") as (_, inbox):
        frames = first(inbox, 4)
    assert all(0 <= frame.received_ns - frame.captured_ns < SECOND_NS // 10 for frame in frames)
    assert {frame.exposure_us for frame in frames} == {500}


def test_a_camera_without_a_clock_is_timed_by_the_arrival(cti: Path) -> None:
    with running(failing(cti, "NoStamp"), "hardware") as (_, inbox):
        assert {frame.received_ns - frame.captured_ns for frame in first(inbox, 2)} == {500_000}


def test_it_is_asked_for_each_photo(cti: Path) -> None:
    with running(failing(cti), "software") as (driver, inbox):
        time.sleep(0.1)
        assert not inbox.frames
        driver.fire()
        assert [frame.frame_id for frame in first(inbox, 1)] == [1]
        time.sleep(0.1)
        assert len(inbox.frames) == 1


@pytest.mark.parametrize("fault", ["Incomplete", "Short"])
def test_what_has_lost_packets_is_flagged_and_frames_go_on_counting(cti: Path, fault: str) -> None:
    """Each third frame; the camera's 16-bit number wraps meanwhile. Buffers come back: there are only sixteen."""
    with running(failing(cti, fault, FirstFrameId=65_534)) as (_, inbox):
        frames = first(inbox, 20)
    assert [frame.frame_id for frame in frames] == list(range(65_534, 65_554))
    assert [frame.complete for frame in frames] == [number % 3 != 2 for number in range(20)]


def test_a_lost_camera_is_a_fault_for_whoever_waits_and_whoever_asks(cti: Path) -> None:
    driver, inbox = GenicamDriver(failing(cti, "Lost"), "hardware"), Inbox()
    driver.start(inbox)
    assert len(first(inbox, 3)) == 3
    inbox.frames.clear()
    with pytest.raises(Fault, match=r"camera T1 .*lost: .*no answer from the device"):
        inbox.wait(lambda frames: None, time.monotonic_ns() + 5 * SECOND_NS)
    with pytest.raises(Fault, match="lost"):
        driver.check()
    driver.close()


@pytest.mark.parametrize("fault", ["NoHeight", "ZeroHeight", "NoSize"])
def test_a_frame_that_cannot_be_read_is_incomplete_and_the_camera_not_lost(cti: Path, fault: str) -> None:
    with running(failing(cti, fault), "hardware") as (driver, inbox):
        frames = first(inbox, 9)
        driver.check()
    assert [(frame.frame_id, frame.complete) for frame in frames] == [(n, n % 3 != 0) for n in range(1, 10)]


def test_a_frame_that_does_not_say_its_number_is_a_gap(cti: Path) -> None:
    with running(failing(cti, "NoId"), "hardware") as (driver, inbox):
        frames = first(inbox, 6)
        driver.check()
    assert [(frame.frame_id, frame.complete) for frame in frames] == [(n, True) for n in (1, 2, 4, 5, 7, 8)]


@pytest.mark.parametrize("call", ["clock_ns", "trigger"])
def test_a_vendors_call_that_does_not_come_back_holds_nobody_up(
    cti: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The binding keeps the interpreter in each call, which nobody in this process can notice: so it hangs in ours."""
    monkeypatch.setattr(genicam, "HUNG_S", 0.2)
    monkeypatch.setattr(genicam, "RELEASE_S", 0.2)
    back = threading.Event()
    driver, inbox = GenicamDriver(failing(cti), "software"), Inbox()
    monkeypatch.setattr(driver._device, call, back.wait)
    driver.start(inbox)
    driver.fire()
    time.sleep(0.4)
    if call == "clock_ns":
        with pytest.raises(Fault, match=r"camera T1 .*lost: the vendor's library has not come back"):
            driver.check()
        with pytest.raises(Fault, match="lost"):
            inbox.check()
    else:
        driver.check()
    began_s = time.monotonic()
    driver.close()
    assert time.monotonic() - began_s < 2, "it is not waited for"
    back.set()
    for thread in threading.enumerate():
        if thread.name == "camera-release":
            thread.join(5)
    GenicamDriver(failing(cti), "software").close()  # it is released after all


def test_the_interpreter_runs_on_while_no_frame_comes() -> None:
    """The binding's own wait would hold it, and the PLC link with it."""
    with running(free_running(rate_per_s=4)):
        turns, end_s = 0, time.monotonic() + 0.5
        while time.monotonic() < end_s:
            time.sleep(0.001)
            turns += 1
    assert turns > 50


def test_opening_and_closing_again_leaves_nothing_behind(cti: Path) -> None:
    def held() -> tuple[int, ...]:
        return len(os.listdir("/proc/self/fd")), threading.active_count(), len(os.listdir("/proc/self/task"))

    def open_and_close(config: GenicamCamera) -> None:
        with running(config) as (_, inbox):
            first(inbox, 1)

    for config in (free_running(rate_per_s=100), failing(cti)):
        open_and_close(config)
    time.sleep(0.05)
    before = held()
    for config in [free_running(rate_per_s=100)] * 5 + [failing(cti)] * 20:
        open_and_close(config)
    until_s = time.monotonic() + 2  # a thread that was joined takes a moment to go
    while held() != before and time.monotonic() < until_s:
        time.sleep(0.01)
    assert held() == before


@pytest.mark.parametrize(
    ("settings", "mode", "complaint"),
    [
        ({}, "hardware", "this camera has no TriggerMode to be fired by: it can only run free"),
        ({"pixel_format": "Mono12"}, "presence", "camera.pixel_format = 'Mono12': .*give one of RGBa8, Mono8"),
        ({"width_px": 5000}, "presence", "camera.width_px = 5000: .*give 100 to 800"),
        ({"exposure_us": 100}, "presence", "has no ExposureTime"),
        ({"features": {"Nope": 1}}, "presence", "camera.features.Nope = 1: this camera has no Nope"),
        ({"features": {"BouncingBallSize": "x"}}, "presence", "camera.features.BouncingBallSize = 'x'"),
        ({"features": {"Height": 300.5}}, "presence", "camera.features.Height = 300.5: .*not of its type"),
    ],
)
def test_a_setting_that_the_camera_does_not_take_is_named(settings: Any, mode: Mode, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        GenicamDriver(free_running(**settings), mode)
    assert "\n" not in str(caught.value)


def test_no_such_camera_or_one_that_somebody_holds_is_waited_for(cti: Path) -> None:
    with pytest.raises(CameraMissing, match=r"no such device; seen through test.cti: T1 \(serial 4711\), HELD"):
        GenicamDriver(GenicamCamera(driver="genicam", cti=cti, device="4713"), "presence")
    with pytest.raises(CameraMissing, match=r"camera HELD .*in use"):
        GenicamDriver(GenicamCamera(driver="genicam", cti=cti, device="HELD"), "presence")


PASSING = {"in use": -1004, "not allowed": -1005, "Communication error": -1010, "timed out": -1011, "aborted": -1012,
           "busy": -1022}  # fmt: skip


@pytest.mark.parametrize(("words", "code"), PASSING.items())
def test_what_may_pass_while_it_is_set_up_is_waited_for(
    cti: Path, words: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENTL_TEST_EXPOSURE_FAILS", str(code))
    with pytest.raises(CameraMissing, match=f"camera T1 .*{words}"):
        GenicamDriver(failing(cti), "presence")


def test_what_it_refuses_is_not_waited_for(cti: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENTL_TEST_EXPOSURE_FAILS", "-1019")
    with pytest.raises(ConfigError, match=r"camera\.exposure_us = 500: .*invalid register value"):
        GenicamDriver(failing(cti), "presence")


def test_one_that_does_not_start_is_let_go_of_and_waited_for(cti: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "RETRY_S", 0.01)
    monkeypatch.setenv("GENTL_TEST_START_FAILS", "1")
    said: list[str] = []
    stop = threading.Event()

    def mend(why: str) -> None:
        said.append(why)
        monkeypatch.delenv("GENTL_TEST_START_FAILS", raising=False)
        if len(said) > 1:
            stop.set()

    trigger = TriggerConfig(mode="hardware", min_pitch_ms=100)
    camera = opening.open_camera(failing(cti), trigger, cast(View, None), mend, stop)
    assert camera is not None
    camera.close()
    assert [why.split(":")[0] for why in said] == ["camera T1 (serial 4711) does not start"]


def test_a_library_that_is_no_producer_says_why(tmp_path: Path) -> None:
    libm = Path("/proc/self/root/lib/x86_64-linux-gnu") / str(ctypes.util.find_library("m"))
    (tmp_path / "text.cti").write_text("not a library")
    elf = bytearray(libm.read_bytes())
    elf[4] = 1  # EI_CLASS: 32 bits
    (tmp_path / "old.cti").write_bytes(elf)
    for path, complaint in {
        tmp_path / "none.cti": "no such file",
        tmp_path / "text.cti": "file too short|invalid ELF header",
        tmp_path / "old.cti": "wrong ELF class: ELFCLASS32: install the vendor's software",
        libm: "no GenTL producer: give the vendor's .cti",
    }.items():
        with pytest.raises(ConfigError, match=complaint) as caught:
            Producer(path)
        assert "\n" not in str(caught.value)


def test_a_producer_without_its_licence_says_so_in_its_own_words(cti: Path) -> None:
    libc = ctypes.CDLL(None)
    libc.setenv(b"GENTL_TEST_NO_LICENCE", b"1", 1)
    try:
        with pytest.raises(ConfigError, match=r"test.cti': No valid licence for this producer$"):
            Producer(cti)
    finally:
        libc.unsetenv(b"GENTL_TEST_NO_LICENCE")


def test_missing_packages_are_told_with_the_remedy(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['genicam'] = None\n"
        "from agent.cameras.commissioning.listing import search_all\n"
        "from agent.errors import exit_on_error\n"
        "from pathlib import Path\n"
        "with exit_on_error(): search_all(Path('x.cti'))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 78
    assert result.stderr.count("\n") == 1
    assert "pip install --constraint constraints.txt --editable '.[genicam]'" in result.stderr
