"""Keeps the coils of the reject arm as the link wants them, over one connection: each by its own FC05, echo verified.

What comes or goes is written at once, and each is written again every REFRESH_S: a write of an old connection that
the network delivers late, or somebody else's, does not stay. A new connection begins with all of them. Nothing of ours
can switch a coil off once the connection is gone: the PLC or I/O coupler must do that, by its output watchdog.
"""

from __future__ import annotations

import math
import time

from agent.plc.wires.link_end import LinkEnd
from agent.plc.wires.modbus import ModbusConnection

REFRESH_S = 0.05


class CoilOutput:
    """For the life of `connection`. Raises LinkError as it does."""

    def __init__(self, connection: ModbusConnection, link: LinkEnd) -> None:
        self._connection, self._link = connection, link
        self._written: dict[int, tuple[bool, float]] = {}
        """State and time (s) of the last confirmed write."""
        self.next_s = math.inf
        """When to drive again (CLOCK_MONOTONIC, s), if nothing is read or decided before."""

    async def drive(self) -> None:
        """Write what differs from what was confirmed, the deciding coil first; else one that is overdue."""
        wanted, self.next_s = self._link.coils()
        changed = [coil for coil, on in wanted.items() if coil not in self._written or self._written[coil][0] != on]
        for coil in changed or self._overdue(wanted):
            await self._write(coil, wanted[coil])

    def _overdue(self, wanted: dict[int, bool]) -> list[int]:
        oldest = min(wanted, key=lambda coil: self._written[coil][1], default=None)
        overdue = oldest is not None and time.monotonic() - self._written[oldest][1] > REFRESH_S
        return [oldest] if oldest is not None and overdue else []

    async def _write(self, coil: int, on: bool) -> None:
        await self._connection.write_coil(coil, on)
        self._written[coil] = on, time.monotonic()
        self._link.coil_written(coil, on, time.monotonic_ns())
