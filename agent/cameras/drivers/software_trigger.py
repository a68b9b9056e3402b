"""A GenICam camera's software trigger, sent by a thread: a dead camera would keep the caller for seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable


class SoftwareTrigger:
    """Calls `send` once for each `fire`, as soon as the one before has come back; close it when done."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._stopping, self._asked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._send_forever, name="camera-trigger", daemon=True)
        self._thread.start()

    def fire(self) -> None:
        """Have it sent; does not wait for it."""
        self._asked.set()

    def close(self, timeout_s: float | None = None) -> None:
        """End the thread, waiting no longer than `timeout_s` for a call that does not come back."""
        self._stopping.set()
        self._asked.set()
        self._thread.join(timeout=timeout_s)

    def _send_forever(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._stopping.is_set():
                return
            self._send()
