"""Replays images, a recording or a video, over and over: a frame when it is asked, or at the recorded times."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np

from agent.camera_config import FREE_RUNNING, FolderCamera, Mode
from agent.cameras.drivers.footage import Shot, open_footage
from agent.cameras.inbox import Inbox
from agent.errors import ConfigError, Fault
from agent.inspection import Frame

LEAST_STEP_NS = 1_000_000
NO_PICTURE = np.zeros((0, 0), np.uint8)


class FolderDriver:
    """Raises ConfigError when there is nothing to play, or no telling how fast."""

    simulated = True

    def __init__(self, config: FolderCamera, mode: Mode) -> None:
        self._path = config.path
        self._footage = open_footage(config.path)
        self._free_running = mode in FREE_RUNNING
        self._step_ns = int(1e9 / config.rate_per_s) if config.rate_per_s else None
        if self._free_running and self._step_ns is None and not self._footage.timed:
            raise ConfigError(f"missing key 'camera.rate_per_s': with trigger.mode = '{mode}' {config.path} plays by "
                              "itself, and nothing there says when each frame was taken")  # fmt: skip
        if self._step_ns is not None and not self._free_running:
            raise ConfigError(f"camera.rate_per_s does not go with trigger.mode = '{mode}': a frame comes when it is "
                              "asked for")  # fmt: skip
        self._shots = self._over_and_over()
        self._frame_id = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._play, name="camera", daemon=True)

    def start(self, inbox: Inbox) -> None:
        """Free-running: from now on; else nothing comes before it is asked for."""
        self._inbox = inbox
        if self._free_running:
            self._thread.start()

    def fire(self) -> None:
        """The next frame; one without a readable picture is incomplete."""
        if not self._free_running:
            captured_ns = time.monotonic_ns()
            self._put(next(self._shots), captured_ns)

    def check(self) -> None:
        """Files do not get lost while nobody asks for them."""

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _over_and_over(self) -> Iterator[Shot]:
        while True:
            shot = None
            for shot in self._footage.play():
                yield shot
            if shot is None:
                raise Fault(f"camera lost: {self._path} cannot be read any more")

    def _play(self) -> None:
        """A computer that is too slow plays slower: frames are never older than they say."""
        due_ns, step_ns = time.monotonic_ns(), LEAST_STEP_NS
        try:
            for shot in self._shots:
                step_ns = self._step_ns or shot.after_ns or step_ns  # a new pass begins one step after the last
                due_ns = max(due_ns + max(step_ns, LEAST_STEP_NS), time.monotonic_ns())
                if self._stopping.wait((due_ns - time.monotonic_ns()) / 1e9):
                    return
                self._put(shot, due_ns)
        except Fault as lost:
            self._inbox.broken(lost)

    def _put(self, shot: Shot, captured_ns: int) -> None:
        self._frame_id += shot.ids
        picture = shot.image is not None
        self._inbox.put(
            Frame(
                shot.image if shot.image is not None else NO_PICTURE,
                self._frame_id,
                captured_ns,
                shot.exposure_us,
                complete=shot.complete and picture,
                simulated=True,
                received_ns=time.monotonic_ns(),
            )
        )
