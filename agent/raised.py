"""Alarms of what goes on beside the parts: raised by anybody, taken up by the link at its next cycle."""

from __future__ import annotations

import threading

from agent.plc.register_map import Alarm


class Raised:
    """From any thread; never blocks."""

    def __init__(self) -> None:
        self._alarms = Alarm(0)
        self._lock = threading.Lock()

    def add(self, alarm: Alarm) -> None:
        """PLC and pulse are to show it until somebody clears it."""
        with self._lock:
            self._alarms |= alarm

    def take(self) -> Alarm:
        """Those since this was last asked."""
        with self._lock:
            alarms, self._alarms = self._alarms, Alarm(0)
            return alarms
