"""What is recorded replays bit-equal: the same pixels, order, times and verdicts; and no disk ever stops a station."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.camera_config import FolderCamera
from agent.cameras import recorder as recorder_module
from agent.cameras.commissioning.record import record_camera
from agent.cameras.drivers.folder import FolderDriver
from agent.cameras.inbox import Inbox
from agent.cameras.recorder import Recorder
from agent.cameras.recording import INDEX, RecordedFrame, RecordingWriter, read_recording
from agent.config import load_config
from agent.errors import ConfigError, Fault, UsageError
from agent.inspection import Frame
from agent.inspector import open_inspector
from agent.local_line import LineOptions, LocalLine
from agent.recipe import load_recipes
from agent.view import open_view
from tests.conftest import ROOT, Linegate

MS = 1_000_000
SIMULATION = ROOT / "config" / "simulation.toml"


def replayed(folder: Path, mode: str = "every_frame") -> list[Frame]:
    """One pass, as a station would get it."""
    count = len(read_recording(folder))
    camera = FolderCamera(driver="folder", path=folder)
    with closing(FolderDriver(camera, mode)) as driver:  # type: ignore[arg-type]
        inbox = Inbox(buffers=count)
        driver.start(inbox)
        if mode == "announced":
            for _ in range(count):
                driver.fire()
        inbox.wait(lambda frames: len(frames) >= count or None, time.monotonic_ns() + 10_000 * MS)
        return list(inbox.frames)[:count]


def noise(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture
def frames() -> list[Frame]:
    """Grey, colour, one that is broken, one with two numbers left out before it, and a rest of a frame."""
    begun_ns = time.monotonic_ns()
    return [
        Frame(noise((9, 7), 1), 101, begun_ns, exposure_us=250.0),
        Frame(noise((9, 7, 3), 2), 102, begun_ns + 30 * MS),
        Frame(noise((9, 7), 3), 103, begun_ns + 70 * MS, complete=False),
        Frame(noise((9, 7, 2), 4), 106, begun_ns + 75 * MS),
        Frame(noise((50,), 5), 107, begun_ns + 90 * MS, complete=False),
    ]


def store(folder: Path, frames: list[Frame]) -> None:
    with closing(Recorder(folder)) as recorder:
        for frame in frames:
            recorder.take(frame)


def test_every_frame_comes_back_as_it_was(tmp_path: Path, frames: list[Frame]) -> None:
    store(tmp_path / "shift", frames)
    again = replayed(tmp_path / "shift")
    for first, second in zip(frames[:4], again, strict=False):
        assert first.image.shape == second.image.shape
        assert sha256(first.image).digest() == sha256(second.image).digest()
    assert [frame.complete for frame in again] == [frame.complete for frame in frames]
    assert [frame.exposure_us for frame in again] == [250, 0, 0, 0, 0]
    assert [frame.frame_id - again[0].frame_id for frame in again] == [0, 1, 2, 5, 6]
    assert [frame.captured_ns - again[0].captured_ns for frame in again] == pytest.approx(
        [0, 30 * MS, 70 * MS, 75 * MS, 90 * MS], abs=25 * MS
    )


def test_a_recording_is_gone_on_with_after_any_end(tmp_path: Path, frames: list[Frame]) -> None:
    """The half-written last line of a kill -9 is nobody's frame."""
    store(tmp_path, frames[:2])
    frames[3] = replace(frames[3], image=noise((9, 7), 4))  # the same camera
    with (tmp_path / INDEX).open("a") as index:
        index.write('{"number":3,"frame_id":')
    assert len(read_recording(tmp_path)) == 2
    store(tmp_path, frames[2:])
    recorded = read_recording(tmp_path)
    assert [frame.number for frame in recorded] == [1, 2, 3, 4, 5]
    times = [frame.since_start_ns for frame in recorded]
    assert times == sorted(times)
    assert abs(times[4] - 90 * MS) < 5 * MS, "the time of day bridges the sessions"


@pytest.mark.parametrize("damage", ["pixels", "picture"])
def test_what_has_changed_since_is_never_shown_for_whole(tmp_path: Path, frames: list[Frame], damage: str) -> None:
    store(tmp_path, frames[:2])
    picture = tmp_path / read_recording(tmp_path)[1].file
    if damage == "pixels":
        cv2.imwrite(str(picture), noise((9, 7, 3), 9))
    else:
        picture.write_bytes(picture.read_bytes()[:60])
    assert [frame.complete for frame in replayed(tmp_path)] == [True, False]


def test_a_damaged_recording_is_one_line(tmp_path: Path, frames: list[Frame]) -> None:
    store(tmp_path, frames[:3])
    lines = (tmp_path / INDEX).read_text().splitlines(keepends=True)
    (tmp_path / INDEX).write_text(lines[0] + "text\n" + lines[2])
    with pytest.raises(ConfigError, match=r"frames\.jsonl, line 2: Invalid JSON.*: restore it or delete the line"):
        replayed(tmp_path)
    (tmp_path / INDEX).write_text("".join(lines))
    (tmp_path / RecordedFrame.model_validate_json(lines[1]).file).unlink()
    with pytest.raises(ConfigError, match=r"00000002\.png is missing"):
        replayed(tmp_path)


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(UsageError, match="holds something else than a recording: name an empty or a new folder"):
        RecordingWriter(tmp_path)
    with pytest.raises(UsageError, match=r"letter\.txt: file exists: name a folder that can be written"):
        RecordingWriter(tmp_path / "letter.txt")
    with closing(RecordingWriter(tmp_path / "shift")), pytest.raises(UsageError, match="somebody else is recording"):
        RecordingWriter(tmp_path / "shift")


def test_a_disk_that_is_too_slow_costs_frames_of_the_recording_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each has its line: a replay shows no other frame in its place."""
    disk = threading.Event()
    store_one = RecordingWriter.store
    monkeypatch.setattr(RecordingWriter, "store", lambda self, frame: disk.wait() and store_one(self, frame))
    recorder = Recorder(tmp_path)
    count = recorder_module.WAITING_FRAMES + 8
    for number in range(count):
        recorder.take(Frame(noise((4, 4), number), number, time.monotonic_ns()))
    disk.set()
    recorder.close()
    recorded = read_recording(tmp_path)
    assert [frame.frame_id for frame in recorded] == list(range(count))
    assert [frame.lost for frame in recorded] == [""] * recorder.stored + ["too slow"] * recorder.lost
    assert recorder.lost in (7, 8)
    assert sum(not frame.complete for frame in replayed(tmp_path, "announced")[-8:]) == recorder.lost


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="needs /dev/full")
def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, frames: list[Frame], caplog: pytest.LogCaptureFixture
) -> None:
    store(tmp_path, frames[:1])
    recorder = Recorder(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, recorder._writer._index.fileno())
    os.close(full)
    for frame in frames[1:]:
        recorder.take(replace(frame, image=frames[0].image))
    recorder.close()
    assert str(recorder.stopped).endswith("ends here: no space left on device: record to another disk")
    assert (recorder.stored, recorder.lost) == (0, 4)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [f"{recorder.stopped}; the station goes on without recording"]
    assert len(replayed(tmp_path, "announced")) == 1


def test_the_command_asks_the_camera_and_ends_by_itself(tmp_path: Path, linegate: Linegate) -> None:
    result = linegate("record", SIMULATION, "--out", tmp_path / "shift", "--frames", 5, "--rate", 50)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("5 frames in ")
    originals = sorted((ROOT / "config" / "sample_tiles").glob("*.png"))
    for original, frame in zip(originals, replayed(tmp_path / "shift", "announced"), strict=False):
        assert (cv2.imread(str(original), cv2.IMREAD_UNCHANGED) == frame.image).all()


def test_another_cameras_frames_do_not_go_into_a_recording(
    tmp_path: Path, frames: list[Frame], linegate: Linegate, caplog: pytest.LogCaptureFixture
) -> None:
    """By the command exit 2; a station that records goes on without."""
    store(tmp_path / "shift", frames[:1])
    refused = f"{tmp_path / 'shift'} holds frames of 7 × 9 px, grey, this camera delivers {{}}: name a new folder"
    result = linegate("record", SIMULATION, "--out", tmp_path / "shift", "--frames", 1, "--rate", 50)
    assert (result.returncode, result.stderr) == (2, f"error: {refused.format('256 × 256 px, grey')}\n")
    store(tmp_path / "shift", frames[1:])
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [f"{refused.format('7 × 9 px, colour')}; the station goes on without recording"]
    assert len(read_recording(tmp_path / "shift")) == 1


def test_no_frame_at_all_is_a_fault(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Fault, match="no frame came: see cable, packet size and trigger settings"):
        record_camera(load_config(SIMULATION), tmp_path / "shift", None, None, None, stop)


def test_kill_9_leaves_a_recording(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent", "record", SIMULATION, "--out", tmp_path, "--rate", "100"]
    with subprocess.Popen([*map(str, command)], cwd=ROOT) as process:
        while not (tmp_path / INDEX).exists() or (tmp_path / INDEX).read_bytes().count(b"\n") < 20:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    frames = replayed(tmp_path, "announced")
    assert len(frames) >= 20
    assert all(frame.complete for frame in frames)


class RecordedLine(LocalLine):
    """The simulated line, its station started with --record."""

    def start(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        return super().start(name, [*arguments, *(["--record", str(self.folder)] if name == "station" else [])])

    folder: Path


def test_a_recorded_shift_gets_the_same_verdicts_again(tmp_path: Path, two_verdict_model: Path) -> None:
    line = RecordedLine(LineOptions(seconds=1, rate_per_s=15, model=two_verdict_model))
    line.folder = tmp_path / "shift"
    with line:
        end_s = time.monotonic() + 20
        while not line.finished and time.monotonic() < end_s:
            time.sleep(0.05)
        line.stop("station")
        config = load_config(line.config)
        messages = {message.trigger_seq: message for message in line.messages}
    view, recipes = open_view(config), load_recipes(config.recipe, config.other_recipes).values()
    inspector = open_inspector(config, config.model.path, recipes, view.calibration(config.calibration))
    recorded = read_recording(line.folder)
    assert len(recorded) == len(messages) == 15
    for record, frame in zip(recorded, replayed(line.folder, "announced"), strict=True):
        message = min(messages.values(), key=lambda known: abs(known.triggered_ns - record.captured_ns))
        judgement = inspector.jobs[message.job].judge.judge(inspector.segmenter.segment(view.of(frame).image))
        assert judgement.verdict == message.verdict
        assert [asdict(defect) for defect in judgement.defects] == [defect.model_dump() for defect in message.defects]
        assert judgement.peak_scores == message.peak_scores
    assert {message.verdict for message in messages.values()} == {"pass", "reject"}
