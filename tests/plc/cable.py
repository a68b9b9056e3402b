"""A serial cable between two ttys of this computer, as slow as its baud rate; it can be cut, and unplugged."""

from __future__ import annotations

import os
import pty
import select
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path

CHARACTER_BITS = 10


class Cable:
    """`agent_end` and `plc_end` are the devices; the agent's end may be unplugged, and is another tty afterwards."""

    def __init__(self, folder: Path, baud_rate: int) -> None:
        self.agent_end, self.plc_end = folder / "ttyAgent", folder / "ttyPlc"
        self._byte_s = CHARACTER_BITS / baud_rate
        self._cut = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._ttys = {self.plc_end: _tty(self.plc_end)}
        self._thread = threading.Thread(target=self._carry, name="cable", daemon=True)
        self._thread.start()

    def plug(self) -> None:
        """The agent's end appears."""
        with self._lock:
            self._ttys[self.agent_end] = _tty(self.agent_end)

    def unplug(self) -> None:
        """It vanishes, also from under whoever has it open."""
        with self._lock:
            self.agent_end.unlink()
            for fd in self._ttys.pop(self.agent_end):
                os.close(fd)

    def cut(self, seconds: float) -> None:
        """What is sent meanwhile is lost."""
        self._cut.set()
        time.sleep(seconds)
        self._cut.clear()

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)
        for pair in self._ttys.values():
            for fd in pair:
                os.close(fd)

    def _carry(self) -> None:
        while not self._over.is_set():
            with self._lock:
                masters = {pair[0]: end for end, pair in self._ttys.items()}
            ready, _, _ = select.select(list(masters), [], [], 0.01)
            for master in ready:
                with suppress(OSError):
                    data = os.read(master, 64)
                    time.sleep(len(data) * self._byte_s)
                    self._pass_on(data, masters[master])

    def _pass_on(self, data: bytes, came_from: Path) -> None:
        with self._lock:
            for end, (master, _) in self._ttys.items():
                if end != came_from and not self._cut.is_set():
                    os.write(master, data)


def _tty(link: Path) -> tuple[int, int]:
    """(master, slave): the slave stays open, so that nobody's closing it hangs up."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    return master, slave
