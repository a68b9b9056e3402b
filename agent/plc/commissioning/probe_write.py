"""The probe's write test: does the PLC take the agent's block, and echo it? STATUS is 0 throughout: no part passes."""

from __future__ import annotations

import time
from typing import Any

from agent.finding import Finding, right, wrong
from agent.plc.commissioning.modbus_exceptions import explain
from agent.plc.decision import MS
from agent.plc.register_map import AGENT_BLOCK, MAP_ID, PLC_BLOCK
from agent.plc.wires.modbus import LinkError, ModbusConnection, Refused
from agent.plc_config import PlcConfig
from agent.spread import Spread

WRITES = 100
COMBINED = 20
HIGHEST = AGENT_BLOCK.base + AGENT_BLOCK.count - 1


def offline_image(epoch: int, heartbeat: int) -> list[int]:
    """An agent that is there but neither ONLINE nor READY, and says nothing of any part."""
    words = [0] * AGENT_BLOCK.count
    for name, value in (("MAP_ID", MAP_ID), ("AGENT_EPOCH", epoch), ("AGENT_HB", heartbeat & 0xFFFF)):
        AGENT_BLOCK.put(words, name, value)
    return words


async def find_write(
    connection: ModbusConnection, found: list[int], plc: PlcConfig, figures: dict[str, Any]
) -> list[Finding]:
    """Write with FC16 and FC23, going on from the block as `found`; adds its figures to `figures`."""
    epoch, heartbeat = AGENT_BLOCK.get(found, "AGENT_EPOCH"), AGENT_BLOCK.get(found, "AGENT_HB")
    times_ms: list[float] = []
    echoed = 0
    try:
        for i in range(1, WRITES + 1):
            begun_ns = time.monotonic_ns()
            await connection.write(AGENT_BLOCK.base, offline_image(epoch, heartbeat + i))
            times_ms.append((time.monotonic_ns() - begun_ns) / MS)
            echo = PLC_BLOCK.get(await connection.read(PLC_BLOCK.base, PLC_BLOCK.count), "AGENT_HB_ECHO")
            echoed = max(echoed, (echo - heartbeat) & 0xFFFF if (echo - heartbeat) & 0xFFFF <= i else 0)
    except Refused as error:
        seen, remedy = explain(error.code, AGENT_BLOCK.count, HIGHEST)
        return [wrong("FC16", f"write of {AGENT_BLOCK.count} registers at HR{AGENT_BLOCK.base}: {seen}", remedy)]
    spread = Spread.of(times_ms)
    figures["write_ms"] = spread
    written = right("FC16", f"{AGENT_BLOCK.count} registers, STATUS = 0; write {spread}")
    return [written, _check_echo(echoed), await _find_combined(connection, epoch, heartbeat + WRITES, plc, figures)]


def _check_echo(echoed: int) -> Finding:
    if not echoed:
        return wrong("echo", f"AGENT_HB_ECHO followed none of {WRITES} heartbeats", "copy AGENT_HB into AGENT_HB_ECHO "
                     "in every scan, and read the agent's block at HR200")  # fmt: skip
    return right("echo", f"AGENT_HB_ECHO follows, {WRITES - echoed} behind at the last read")


async def _find_combined(
    connection: ModbusConnection, epoch: int, heartbeat: int, plc: PlcConfig, figures: dict[str, Any]
) -> Finding:
    times_ms: list[float] = []
    try:
        for i in range(1, COMBINED + 1):
            begun_ns = time.monotonic_ns()
            image = offline_image(epoch, heartbeat + i)
            await connection.write_read(AGENT_BLOCK.base, image, PLC_BLOCK.base, PLC_BLOCK.count)
            times_ms.append((time.monotonic_ns() - begun_ns) / MS)
    except LinkError as error:
        why = explain(error.code, PLC_BLOCK.count, HIGHEST)[0] if isinstance(error, Refused) else str(error)
        if plc.combined:
            return wrong("FC23", f"not supported ({why})", "set plc.combined = false")
        return right("FC23", f"not supported ({why}): leave plc.combined = false")
    figures["write_read_ms"] = spread = Spread.of(times_ms)
    return right("FC23", f"supported: plc.combined = true is possible; write and read {spread}")
