"""A real video stream on loopback, served by ffmpeg, which can be killed at any moment or be held up on its way."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from agent.inspection import Frame
from agent.local_line import free_port

RATE_PER_S = 25
LEVELS = 50
PICTURE = f"color=c=gray:size=64x48:rate={RATE_PER_S},geq=lum='20+4*mod(N,{LEVELS})':cb=128:cr=128"
"""Frame n is grey all over, and its level tells n modulo LEVELS."""
MPEG_TS = ("-c:v", "mpeg2video", "-bf", "0", "-g", "5", "-f", "mpegts")
MJPEG = ("-c:v", "mjpeg", "-f", "mpjpeg")


def number_shown(frame: Frame) -> int:
    """Which frame of PICTURE it is, modulo LEVELS."""
    luma = float(frame.image.mean()) * 219 / 255 + 16
    return round((luma - 20) / 4) % LEVELS


class FfmpegStream:
    """`kind`: tcp, udp (MPEG-TS) or http (MJPEG, without presentation times); `url` is what a station is given."""

    def __init__(self, kind: str) -> None:
        self._kind, self.port = kind, free_port()
        self.url = f"{kind}://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Listen (udp: send), at the pace of life."""
        target: Sequence[str] = {
            "tcp": (*MPEG_TS, f"{self.url}?listen=1"),
            "udp": (*MPEG_TS, f"{self.url}?pkt_size=1316"),
            "http": (*MJPEG, "-listen", "1", self.url),
        }[self._kind]
        command = ["ffmpeg", "-loglevel", "quiet", "-re", "-f", "lavfi", "-i", PICTURE, *target]
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
