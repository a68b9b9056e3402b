"""The link's end of a wire, written down: which images it gave out, which blocks came in, what was reported."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from agent.plc.register_map import AGENT_BLOCK, MAP_ID, PLC_BLOCK
from agent.plc.wires.bell import Bell


class RecordingLink:
    """Every image has a heartbeat of its own; `verdict` is a word that later images carry."""

    def __init__(self) -> None:
        self.bell = Bell(asyncio.get_running_loop())
        self.stopping = False
        self.beat = 0
        self.verdict = 0
        self.digested: list[tuple[list[int], int, int]] = []
        self.confirmed: list[tuple[list[int], int]] = []
        self.reports: list[str] = []
        self.ticks = 0

    def image(self) -> list[int]:
        self.beat = (self.beat + 1) & 0xFFFF
        words = [0] * AGENT_BLOCK.count
        AGENT_BLOCK.put(words, "MAP_ID", MAP_ID)
        AGENT_BLOCK.put(words, "AGENT_HB", self.beat)
        AGENT_BLOCK.put(words, "LATE_CNT", self.verdict)
        AGENT_BLOCK.put(words, "STATUS", 0 if self.stopping else 3)
        return words

    def coils(self) -> tuple[dict[int, bool], float]:
        return {}, math.inf

    def coil_written(self, coil: int, on: bool, now_ns: int) -> None:
        raise AssertionError("no coils here")

    def acknowledged(self, image: list[int], now_ns: int) -> None:
        self.confirmed.append((image, now_ns))

    def digest(self, image: list[int], sent_ns: int, received_ns: int) -> None:
        self.digested.append((image, sent_ns, received_ns))

    def tick(self) -> None:
        self.ticks += 1

    def report(self, trouble: str) -> None:
        self.reports.append(trouble)

    def stop(self) -> None:
        self.stopping = True
        self.bell.ring()


def block(echo: int, head: int = 1, tail: int | None = None, plc_ms: int = 1000) -> list[int]:
    """A block that the PLC filled when it had read the beat `echo`."""
    words = [0] * PLC_BLOCK.count
    values = {"MAP_ID": MAP_ID, "TRIG_HEAD": head, "TRIG_TAIL": head if tail is None else tail, "PLC_MS": plc_ms}
    for name, value in (values | {"AGENT_HB_ECHO": echo}).items():
        PLC_BLOCK.put(words, name, value)
    return words


async def until(met: Callable[[], bool], limit_s: float = 10) -> None:
    """Let the loop run until `met`."""
    end_s = time.monotonic() + limit_s
    while not met():
        assert time.monotonic() < end_s, "waited in vain"
        await asyncio.sleep(0.002)
