"""A real video stream on loopback, served by ffmpeg, which can be killed at any moment or be held up on its way."""

from __future__ import annotations

import random
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from agent.inspection import Frame
from agent.local_line import free_port

RATE_PER_S = 25
LEVELS = 50
STRIDE, BACK = 3, 17
"""Neighbours are three levels apart. (3 × 17 = 1 modulo 50)"""
PICTURE = f"color=c=gray:size=64x48:rate={RATE_PER_S},geq=lum='30+4*mod({STRIDE}*N,{LEVELS})':cb=128:cr=128"
"""Frame n is grey all over, and its level tells n modulo LEVELS."""
NOISE = ",noise=alls=8:allf=t,scale=320:240"
"""A picture of several packets."""
MPEG_TS = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "12", "-f", "mpegts")
MJPEG = ("-c:v", "mjpeg", "-f", "mpjpeg")


def number_shown(frame: Frame) -> int:
    """Which frame of PICTURE it is, modulo LEVELS."""
    luma = float(frame.image.mean()) * 219 / 255 + 16
    return BACK * round((luma - 30) / 4) % LEVELS


class FfmpegStream:
    """`kind`: tcp, udp (MPEG-TS) or http (MJPEG, without presentation times); `url` is what a station is given."""

    def __init__(self, kind: str, picture: str = PICTURE) -> None:
        self._kind, self._picture, self.port = kind, picture, free_port()
        self.url = f"{kind}://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Listen (udp: send), at the pace of life."""
        target: Sequence[str] = {
            "tcp": (*MPEG_TS, f"{self.url}?listen=1"),
            "udp": (*MPEG_TS, f"{self.url}?pkt_size=1316"),
            "http": (*MJPEG, "-listen", "1", self.url),
        }[self._kind]
        command = ["ffmpeg", "-loglevel", "quiet", "-re", "-f", "lavfi", "-i", self._picture, *target]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        listening = f":{self.port:04X} 00000000:0000 0A"  # not by connecting: it serves one client
        while self._kind != "udp" and listening not in Path("/proc/net/tcp").read_text():
            time.sleep(0.01)

    def kill(self) -> None:
        """kill -9, in mid-stream."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Holdup:
    """Passes a TCP stream on, and holds it up while `flowing` is not set: then all that has waited comes at once."""

    def __init__(self, port: int) -> None:
        self._far = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self.flowing = threading.Event()
        self.flowing.set()
        threading.Thread(target=self._pass_on, daemon=True).start()

    def _pass_on(self) -> None:
        near, _ = self._server.accept()
        with self._server, near, socket.create_connection(("127.0.0.1", self._far)) as far:
            try:
                while data := far.recv(65_536):
                    self.flowing.wait()
                    near.sendall(data)
            except OSError:
                return  # the station has closed


class Loss:
    """Passes UDP packets on, and loses `share` of them once it is told to; the same ones every time."""

    def __init__(self, port: int, share: float) -> None:
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind(("127.0.0.1", port))
        self._near.settimeout(2.0)
        self._to = ("127.0.0.1", free_port())
        self._share = share
        self.url = f"udp://127.0.0.1:{self._to[1]}"
        self.losing = threading.Event()
        threading.Thread(target=self._pass_on, daemon=True).start()

    def _pass_on(self) -> None:
        chance = random.Random(1)
        with self._near as near, suppress(TimeoutError):
            while data := near.recv(65_536):
                if not (self.losing.is_set() and chance.random() < self._share):
                    near.sendto(data, self._to)
