"""The probe where the PLC is the Modbus client: wait until it comes, and look at what it writes.

It reads an agent's block meanwhile; that one says STATUS = 0, so no part passes.
"""

from __future__ import annotations

import asyncio
import errno
import time

from agent.errors import ConfigError, Fault
from agent.plc.commissioning.probe_write import offline_image
from agent.plc.commissioning.sample import Sample
from agent.plc.open_link import open_wire
from agent.plc.wires.bell import Bell
from agent.plc_config import PlcConfig

WAIT_S = 30.0


class Listener:
    """A link's end that only looks on."""

    def __init__(self, seconds: float) -> None:
        self.bell = Bell(asyncio.get_running_loop())
        self.samples: list[Sample] = []
        self.trouble = ""
        self._seconds, self._begun_s, self._beat = seconds, time.monotonic(), 0

    @property
    def stopping(self) -> bool:
        if not self.samples:
            return time.monotonic() - self._begun_s > WAIT_S
        return len(self.samples) > 2 and time.monotonic_ns() - self.samples[0].received_ns > self._seconds * 1e9

    def image(self) -> list[int]:
        self._beat += 1
        return offline_image(0, self._beat)

    def digest(self, image: list[int], sent_ns: int, received_ns: int) -> None:
        self.samples.append(Sample(image, sent_ns, received_ns))

    def coils(self) -> tuple[dict[int, bool], float]:
        return {}, float("inf")

    def coil_written(self, coil: int, on: bool, now_ns: int) -> None:
        """There are none."""

    def acknowledged(self, image: list[int], now_ns: int) -> None:
        """The PLC echoes our beat."""

    def tick(self) -> None:
        """Let the wire see whether it is time to stop."""
        if self.stopping:
            self.bell.ring()

    def report(self, trouble: str) -> None:
        self.trouble = trouble or self.trouble


async def listen(plc: PlcConfig, seconds: float) -> list[Sample]:
    """What the PLC writes in `seconds` from its first block on. Raises Fault when none comes."""
    try:
        wire = open_wire(plc)
    except ConfigError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
            here = "127.0.0.1" if plc.host in ("0.0.0.0", "::") else plc.host
            raise Fault(f"{plc.host}:{plc.port} is in use: the station is running: stop it, or probe its address, it "
                        f"shows the PLC's words: linegate plc probe {here} --port {plc.port}") from error  # fmt: skip
        raise
    listener = Listener(seconds)
    await wire.exchange_forever(listener)
    if len(listener.samples) < 2:
        raise Fault(f"{listener.trouble}: waited {WAIT_S:.0f} s: does the PLC's Modbus client point here?")
    return listener.samples
