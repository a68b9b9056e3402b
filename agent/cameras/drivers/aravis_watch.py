"""Beside the frames, now and then: is the camera still there and ours, and what does its clock say?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from agent.cameras.drivers.aravis_library import GLib
from agent.cameras.drivers.gvcp_probe import Control, Gvcp

PERIOD_S = 1.0
HURRIED_S = 0.2
"""Asked for by somebody who waits in vain, it comes as soon as this after the one before."""
JOIN_S = 0.3
LATCHES = 3
CLOCKS = (("TimestampLatch", "TimestampLatchValue"), ("GevTimestampControlLatch", "GevTimestampValue"))
"""Command and value, by the newer and the older standard."""
LOST = {
    Control.NO_ANSWER: "it does not answer: check power and cable",
    Control.NOBODY: "it was restarted, or has given up our control",
}


class ClockLatch:
    """Makes the camera note its time and reads it."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._features = next((pair for pair in CLOCKS if all(map(device.is_feature_available, pair))), None)
        self._tick_ns = 1.0
        if self._features == CLOCKS[1] and (frequency := device.get_timestamp_tick_frequency()):
            self._tick_ns = 1e9 / frequency

    def sighting(self) -> tuple[int, int] | None:
        """(the camera's time, our monotonic time when it had been noted, at the latest), ns; the best of some tries."""
        if self._features is None:
            return None
        command, value = self._features
        tries = []
        for _ in range(LATCHES):
            begun_ns = time.monotonic_ns()
            self._device.execute_command(command)
            noted_ns = time.monotonic_ns()
            ticks = self._device.get_integer_feature_value(value)
            tries.append((noted_ns - begun_ns, int(ticks * self._tick_ns), noted_ns))
        _, device_ns, noted_ns = min(tries)
        return device_ns, noted_ns


class Watch:
    """Tells `lost` once, and `latched` about once a second."""

    def __init__(
        self, device: Any, address: str | None, lost: Callable[[str], None], latched: Callable[[int, int], None]
    ) -> None:
        gvcp = Gvcp(address) if address is not None else None
        self._lost, self._latched = lost, latched
        self._hurry, self._stopping = threading.Event(), threading.Event()
        arguments = (gvcp, ClockLatch(device))  # the thread's alone: the device is free when that has ended
        self._thread = threading.Thread(target=self._watch_forever, args=arguments, name="camera-watch", daemon=True)
        self._thread.start()

    def hurry(self) -> None:
        """Somebody waits in vain."""
        self._hurry.set()

    def close(self) -> None:
        """End the thread, unless it waits for a dead camera; then it ends by itself."""
        self._stopping.set()
        self._hurry.set()
        self._thread.join(timeout=JOIN_S)

    def _watch_forever(self, gvcp: Gvcp | None, clock: ClockLatch) -> None:
        while not self._stopping.is_set():
            control = gvcp.control() if gvcp else Control.SOMEBODY
            if control in LOST:
                self._lost(LOST[control])
                break
            self._latch(clock)
            self._stopping.wait(HURRIED_S)
            self._hurry.wait(PERIOD_S - HURRIED_S)
            self._hurry.clear()
        if gvcp:
            gvcp.close()

    def _latch(self, clock: ClockLatch) -> None:
        try:
            sighting = clock.sighting()
        except GLib.Error:  # if the camera is lost, the next question says so
            return
        if sighting is not None:
            self._latched(*sighting)
