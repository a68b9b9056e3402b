"""The OpenCV camera against real streams: nothing old is ever used, and what is lost is known at once."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.camera_config import OpencvCamera, TriggerConfig
from agent.cameras.asked import AskedCamera
from agent.cameras.drivers.opencv import OpencvDriver
from agent.cameras.drivers.stream_clock import StreamClock
from agent.cameras.drivers.stream_damage import StreamDamage
from agent.cameras.inbox import Inbox
from agent.config import load_config
from agent.errors import CameraMissing, ConfigError, Fault
from agent.inspection import Trigger
from tests.cameras.ffmpeg_stream import LEVELS, NOISE, PICTURE, RATE_PER_S, FfmpegStream, Holdup, Loss, number_shown
from tests.conftest import ROOT
from tests.faults.sizes import sized
from tests.results.records import trigger

MS = 1_000_000
S = 1_000_000_000
LIMITS = TriggerConfig(mode="announced", min_pitch_ms=50, capture_window_ms=1000, frame_timeout_ms=3000)


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> Iterator[FfmpegStream]:
    kind, *picture = request.param.split(" ")
    stream = FfmpegStream(kind, *picture)
    stream.start()
    yield stream
    stream.kill()


def camera(source: object, **settings: Any) -> OpencvCamera:
    return OpencvCamera(driver="opencv", source=str(source), **({"read_timeout_ms": 1000} | settings))


def patient(seq: int) -> Trigger:
    asked = trigger(seq)
    return replace(asked, deadline_ns=asked.deadline_ns + 5 * S)


def fault_of(driver: OpencvDriver, inbox: Inbox) -> str:
    """What a station is told that looks again and again."""
    while True:
        try:
            inbox.check()
            driver.check()
        except Fault as lost:
            return str(lost)
        time.sleep(0.01)


@pytest.mark.parametrize("stream", ["tcp"], indirect=True)
def test_a_backlog_is_never_taken_for_what_lies_under_the_lens(stream: FfmpegStream) -> None:
    """Frames held up for most of a second come all at once, right when the station asks."""
    way = Holdup(stream.port)
    asked = AskedCamera(OpencvDriver(camera(way.url, read_timeout_ms=5000), "announced"), LIMITS)
    before = [asked.grab(patient(seq)) for seq in range(1, 4)]
    period_ns = S // RATE_PER_S
    first_ns = min(frame.captured_ns - number_shown(frame) * period_ns for frame in before)
    way.flowing.clear()
    time.sleep(0.8)
    asking_ns = time.monotonic_ns()
    threading.Timer(0.01, way.flowing.set).start()
    frame = asked.grab(patient(4))
    asked.close()
    since_first = (asking_ns - first_ns) // period_ns
    shown = since_first + (number_shown(frame) - since_first + LEVELS // 2) % LEVELS - LEVELS // 2
    assert first_ns + shown * period_ns >= asking_ns - period_ns // 2
    assert frame.captured_ns >= asking_ns


@pytest.mark.parametrize("stream", ["udp"], indirect=True)
def test_a_dead_stream_is_known_by_our_own_clock(stream: FfmpegStream) -> None:
    """A UDP stream has no end: it falls silent. OpenCV's own time-out does not hold everywhere, so the read hangs."""
    driver, inbox = OpencvDriver(camera(stream.url, read_timeout_ms=5000), "every_frame"), Inbox()
    driver._read_timeout_ns = 300 * MS
    driver.start(inbox)
    inbox.wait(lambda frames: len(frames) >= 5 or None, time.monotonic_ns() + 5 * S)
    stream.kill()
    firsts_ns = [frame.captured_ns - number_shown(frame) * S // RATE_PER_S for frame in inbox.frames]
    assert max(firsts_ns) - min(firsts_ns) < S / 5, "what had piled up at the opening was used"
    killed_ns = time.monotonic_ns()
    assert "lost: no frame for 0.3 s" in fault_of(driver, inbox)
    driver.close()
    assert time.monotonic_ns() - killed_ns < 3 * S, "somebody waited for the read"


@pytest.mark.parametrize("stream", [f"udp {PICTURE}{NOISE}"], indirect=True, ids=["udp"])
def test_a_picture_that_was_guessed_is_incomplete(stream: FfmpegStream) -> None:
    """Packets get lost; a decoder builds the next pictures on what it has, and says nothing."""
    way = Loss(stream.port, share=0.02)
    driver, inbox = OpencvDriver(camera(way.url, read_timeout_ms=4000), "every_frame"), Inbox(buffers=50)
    driver.start(inbox)
    inbox.wait(lambda frames: frames[0] if frames else None, time.monotonic_ns() + 5 * S)
    way.losing.set()
    inbox.wait(lambda frames: len(frames) >= 50 or None, time.monotonic_ns() + 5 * S)
    stream.kill()
    driver.close()
    frames, period_ns = list(inbox.frames), S // RATE_PER_S
    first = frames[0].captured_ns - number_shown(frames[0]) * period_ns
    ahead = [number_shown(frame) - round((frame.captured_ns - first) / period_ns) for frame in frames]
    wrong = [frame for frame, by in zip(frames, ahead, strict=True) if by % LEVELS not in (0, 1, LEVELS - 1)]
    assert wrong, "nothing was lost"
    assert not any(frame.complete for frame in wrong)
    assert sum(frame.complete for frame in frames) > 10


def held() -> tuple[int, int]:
    """File descriptors and threads of this process."""
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


@pytest.mark.parametrize("stream", ["http"], indirect=True)
@sized(("kills",), (3,), (20,))
def test_kill_after_kill_leaves_nothing_behind(stream: FfmpegStream, kills: int) -> None:
    """And each time a new driver finds the stream again. A frame is dated back by the latency that is known."""
    first_held = held()
    for kill in range(kills):
        if kill:
            stream.start()
        driver, inbox = OpencvDriver(camera(stream.url, latency_ms=400), "every_frame"), Inbox()
        driver.start(inbox)
        frame = inbox.wait(lambda frames: frames[-1] if frames else None, time.monotonic_ns() + 5 * S)
        assert frame is not None
        assert frame.received_ns - frame.captured_ns >= 400 * MS
        stream.kill()
        assert f"camera {stream.url} lost: no frame after 0." in fault_of(driver, inbox)
        driver.close()
        end_s = time.monotonic() + 2  # a thread that has been joined takes a moment more to vanish
        while kill and any(now > first for now, first in zip(held(), first_held, strict=True)):
            assert time.monotonic() < end_s, f"after kill {kill + 1}: {held()} files and threads, at first {first_held}"
            time.sleep(0.01)
        first_held = first_held if kill else held()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "belt.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=0.4"]
    subprocess.run(["ffmpeg", "-loglevel", "error", *source, "-c:v", "mpeg2video", path], check=True)
    return path


def test_a_video_file_plays_at_its_own_times_and_its_end_is_a_fault(video: Path) -> None:
    driver, inbox = OpencvDriver(camera(video), "presence"), Inbox()
    driver.start(inbox)
    assert "video ended after 10 frames" in fault_of(driver, inbox)
    driver.close()
    captured_ns = [frame.captured_ns for frame in inbox.frames]
    assert [after - before for before, after in pairwise(captured_ns)] == [40 * MS] * 9
    assert all(frame.simulated and frame.received_ns >= frame.captured_ns for frame in inbox.frames)
    assert inbox.frames[0].image.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"width_px": 640}, "camera.width_px = 640: {source} says 64 after it was set"),
        ({"rate_per_s": 30}, "camera.rate_per_s = 30: {source} says 25 after"),
        ({"fourcc": "MJPG"}, "camera.fourcc = MJPG: {source} says mpg2 after"),
        ({"controls": {"exposure": 100}}, "camera.controls.exposure = 100: {source} says -1 after"),
    ],
)
def test_a_setting_that_was_not_taken_is_named(video: Path, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        OpencvDriver(camera(video, **settings), "presence")
    assert complaint.format(source=video) in str(refused.value)


@pytest.mark.parametrize(
    ("source", "kind", "complaint"),
    [
        ("/dev/video77", CameraMissing, "camera /dev/video77: no such device: connect it (seen: "),
        ("/dev/null", ConfigError, "/dev/null is no V4L2 device"),
        ("/none.mp4", ConfigError, "no such file /none.mp4"),
        (ROOT / "README.md", ConfigError, "README.md cannot be read as a video"),
        ("rtsp://line:secret@127.0.0.1:1/cam", CameraMissing, "camera rtsp://…@127.0.0.1:1/cam: no video comes"),
    ],
)
def test_what_is_no_camera_is_said_in_one_line(source: object, kind: type[Exception], complaint: str) -> None:
    with pytest.raises(kind) as refused:
        OpencvDriver(camera(source), "announced")
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make itself less")
def test_no_permission_names_the_group(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    os.mknod(device, 0o20600, os.makedev(1, 3))
    for folder in (tmp_path, *tmp_path.parents[:-2]):  # all but / and /tmp
        folder.chmod(0o755)
    os.seteuid(65_534)
    try:
        with pytest.raises(ConfigError, match="to the group video"):
            OpencvDriver(camera(device), "announced")
    finally:
        os.seteuid(0)


def test_source_and_controls_are_checked_with_the_file(tmp_path: Path) -> None:
    text = (ROOT / "config" / "simulation.toml").read_text()
    folder = 'driver = "folder"\npath = "sample_tiles"'
    assert folder in text
    path = tmp_path / "station.toml"
    path.write_text(text.replace(folder, 'driver = "opencv"\nsource = "belt.mp4"'))
    assert getattr(load_config(path).camera, "source", "") == str(tmp_path / "belt.mp4")
    path.write_text(text.replace(folder, 'driver = "opencv"\nsource = "/dev/video0"\ncontrols = { exposur = 9 }'))
    with pytest.raises(ConfigError, match=r"camera\.controls\.exposur' \(did you mean 'exposure'\?\)"):
        load_config(path)


@pytest.mark.parametrize("source", ["rtsp://camera.line/1", "/dev/video0"])
@pytest.mark.parametrize("mode", ["timer", "software", "presence"])
def test_who_asks_a_live_source_must_know_how_old_its_frames_are(tmp_path: Path, source: str, mode: str) -> None:
    text = (ROOT / "config" / "timer.toml").read_text()
    text = text.replace('mode = "timer"', f'mode = "{mode}"')
    text = text if mode == "timer" else text.replace("period_ms", "deadline_ms")
    path = tmp_path / "station.toml"
    camera = f'driver = "opencv"\nsource = "{source}"'
    path.write_text(text.replace('driver = "folder"\npath = "sample_tiles"', camera + "\nlatency_ms = 0"))
    load_config(path)
    path.write_text(text.replace('driver = "folder"\npath = "sample_tiles"', camera))
    if mode == "presence":
        load_config(path)
        return
    with pytest.raises(ConfigError, match=r"missing key camera\.latency_ms: .*: measure") as refused:
        load_config(path)
    assert "\n" not in str(refused.value)


def test_after_a_gap_nothing_is_whole_until_a_picture_stands_alone() -> None:
    damage = StreamDamage()
    seen = [(0, "I"), (40, "P"), (80, "P"), (160, "P"), (200, "P"), (240, "I"), (280, "P"), (400, "I"), (440, "P")]
    assert [damage.seen(ms * MS, kind == "I") for ms, kind in seen] == [False] * 3 + [True] * 2 + [False] * 4


def clock_after(*frames_ms: tuple[float, float]) -> tuple[StreamClock, list[float]]:
    clock = StreamClock(most_lag_ns=2 * S)
    return clock, [clock.captured_ns(int(shown * MS), int(came * MS)) / MS for shown, came in frames_ms]


def test_a_frame_that_waited_on_its_way_is_as_old_as_it_waited() -> None:
    _, captured = clock_after((0, 1000), (40, 1040), (80, 1380), (120, 1381), (360, 1382), (400, 1400))
    assert captured == pytest.approx([1000, 1040, 1080, 1120, 1360, 1400], abs=0.2)


def test_what_had_piled_up_at_the_opening_is_found_out() -> None:
    clock, captured = clock_after((0, 1000), (400, 1001), (800, 1002), (840, 1042))
    assert captured == [1000, 1001, 1002, 1042]
    assert clock.improved_ns == 1002 * MS


def test_a_slower_clock_is_followed_and_a_lasting_backlog_is_not_forgotten() -> None:
    slow = [(40 * n * 0.9999, 40.0 * n) for n in range(100_000)]
    assert clock_after(*slow)[1][-1] == pytest.approx(40 * 99_999)
    late = [(40.0 * n, 40.0 * n + (500 if n > 100 else 0)) for n in range(3000)]
    assert clock_after(*late)[1][-1] < 40 * 2999 + 30


def test_a_stream_that_jumps_back_or_falls_behind_is_lost() -> None:
    with pytest.raises(Fault, match=r"jump back by 1\.0 s"):
        clock_after((5000, 5000), (4000, 5040))
    with pytest.raises(Fault, match=r"fallen 2\.5 s behind"):
        clock_after((0, 0), (40, 2540))
