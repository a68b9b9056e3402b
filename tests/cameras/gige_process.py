"""The simulated GigE camera as a process at an address of its own, and the line's camera wire in the test's hand."""

from __future__ import annotations

import json
import random
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import zmq

from agent.cameras.sim import registers as at
from agent.cameras.sim.gvcp import PORT, Code
from agent.inspection import Image
from tests.conftest import ROOT
from tests.waiting import PATIENCE_S


def free_address() -> str:
    """A loopback address of its own: GigE Vision has but one port."""
    return f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"


class GigeProcess:
    """`linegate camera sim` with these options; leaving it ends it."""

    def __init__(self, folder: Path, *options: object) -> None:
        self.address = free_address()
        self._log, self._frame_log = folder / "camera.log", folder / "frames.jsonl"
        self._log_begin = self._frames_begin = 0
        self.shown = 0
        """Scenes so far; to add to it is to lose scenes on their way to the camera."""
        self._context = zmq.Context()
        self._wire = self._context.socket(zmq.PUSH)
        self._wire.setsockopt(zmq.LINGER, 0)
        endpoint = f"tcp://127.0.0.1:{self._wire.bind_to_random_port('tcp://127.0.0.1')}"
        own = ["--address", self.address, "--line", endpoint, "--sensor", "64x64", "--frame-log", self._frame_log]
        command = [sys.executable, "-m", "agent", "camera", "sim", *map(str, [*own, *options])]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, cwd=ROOT)

    def __enter__(self) -> GigeProcess:
        try:
            self.wait("type 'help'")
        except BaseException:  # one that stays would have the port of all others
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
        self._wire.close()
        self._context.term()

    def begin(self) -> None:
        """A new test: what the camera has said and taken before does not count any more."""
        self._log_begin, self._frames_begin = len(self._log.read_text()), len(self._frame_log.read_text())

    def said(self) -> str:
        """All since the test began."""
        return self._log.read_text()[self._log_begin :]

    def taken(self) -> list[str]:
        """The fault of each image since the test began."""
        return [json.loads(line)["fault"] for line in self._frame_log.read_text()[self._frames_begin :].splitlines()]

    def show(self, image: Image) -> int:
        """Let Line1 rise with this scene under the lens; when, CLOCK_MONOTONIC ns."""
        at_ns = time.monotonic_ns()
        self.shown += 1
        header = {"frame_id": self.shown, "captured_ns": at_ns, "shape": image.shape}
        self._wire.send_multipart([json.dumps(header).encode(), np.ascontiguousarray(image).tobytes()])
        return at_ns

    def type(self, line: str) -> None:
        """A line on its stdin; returns when it has been obeyed."""
        assert self.process.stdin is not None
        before = self.said().count("menu:")
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.until(lambda: self.said().count("menu:") > before, f"it obeys '{line}'")

    def wait(self, text: str) -> None:
        """Until it has said this."""
        self.until(lambda: text in self.said(), f"it says '{text}'")

    def until(self, met: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        end_s = time.monotonic() + PATIENCE_S
        while not met():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end_s, f"waited in vain until {what}: {self.said()}"
            time.sleep(0.005)


class Host:
    """GVCP by hand: what no library would send."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.3)
        self._address = address

    def ask(self, code: int, data: bytes, key: int = 0x42) -> tuple[int, bytes] | None:
        """(status, data) of the answer; None: there is none."""
        self.send(struct.pack(">BBHHH", key, 1, code, len(data), 7) + data)
        try:
            answer = self._socket.recv(2000)
        except TimeoutError:
            return None
        status, answered, length, request_id = struct.unpack(">HHHH", answer[:8])
        assert (answered, length, request_id) == (code + 1, len(answer) - 8, 7)
        return status, answer[8:]

    def send(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, (self._address, PORT))

    def read(self, address: int) -> int | None:
        """The register there; None: refused, or no answer."""
        answer = self.ask(Code.READ_REGISTER, struct.pack(">I", address))
        return int.from_bytes(answer[1], "big") if answer and answer[0] == 0 else None

    def write(self, address: int, value: int) -> int:
        """The status of the answer."""
        answer = self.ask(Code.WRITE_REGISTER, struct.pack(">II", address, value))
        assert answer is not None, "no answer"
        return answer[0]

    def close(self) -> None:
        """Give control back, if it was had."""
        if self.read(at.CONTROL):
            self.write(at.CONTROL, 0)
        self._socket.close()
