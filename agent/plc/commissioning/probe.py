"""`linegate plc probe`: what is right and wrong with a PLC as a station would find it. It only reads, by default.

Connect, read the map, watch it for some seconds at the fastest polling; every figure and every mistake is a
finding with a remedy.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from agent.errors import ConfigError, Fault
from agent.finding import Finding, Level, doubtful, right, wrong
from agent.plc.commissioning.modbus_exceptions import explain
from agent.plc.commissioning.probe_checks import check_map, check_program
from agent.plc.commissioning.probe_listen import WAIT_S, listen
from agent.plc.commissioning.probe_write import find_write
from agent.plc.commissioning.sample import Sample, duration_s, scans_ms, steps
from agent.plc.open_link import open_endpoint
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.wires.modbus import LinkError, ModbusConnection, Refused
from agent.plc_config import PlcConfig
from agent.spread import Spread

LOOK_S = 0.3
"""A station writes AGENT_HB more often than this."""
BESIDE_STATION_S = 0.005
"""From read to read while a station is connected: its own exchanges come first."""
PATIENCE_MS = 1000
"""Slower answers than plc.timeout_ms shall be measured, not missed."""
CONNECT_S = 3.0
CONNECT_TRIES = 10
END = AGENT_BLOCK.base + AGENT_BLOCK.count - 1


@dataclass
class Probed:
    """Findings in the order in which they were made, and the figures behind them."""

    where: str
    findings: list[Finding] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Would a station run with this PLC?"""
        return all(finding.level is not Level.WRONG for finding in self.findings)


async def probe(plc: PlcConfig, seconds: float, write_test: bool) -> Probed:
    """Look at the PLC for `seconds`. Raises Fault when there is none, ConfigError for profile bits."""
    if plc.profile == "bits":
        raise ConfigError("plc.profile = 'bits' has neither map id nor epochs: probe looks at profile words only")
    if plc.role == "server":
        return await _probe_client(plc, seconds)
    endpoint = open_endpoint(plc)
    probed = Probed(endpoint.name)
    if plc.transport == "tcp":
        probed.figures["connect_ms"] = round(connect_ms(plc.host, plc.port), 3)
        probed.findings.append(right("connection", f"TCP connected in {probed.figures['connect_ms']:.1f} ms"))
    try:
        async with _connected(plc) as connection:
            await _look(connection, plc, seconds, write_test, probed)
    except LinkError as error:
        probed.findings.append(wrong("answers", str(error), "does this Modbus server answer other clients? check "
                                     "the device id, its connection limit and the wires"))  # fmt: skip
    return probed


def connect_ms(host: str, port: int) -> float:
    """How long a TCP connection takes; Fault says what to check."""
    where, begun_s = f"PLC {host}:{port}", time.monotonic()
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except socket.gaierror as error:
        raise Fault(f"{where}: no such host name: give the PLC's IP address") from error
    except ConnectionRefusedError as error:
        raise Fault(f"{where}: refused: the device is there, but no Modbus server listens: is the PLC in RUN, its "
                    "Modbus server enabled on this --port, and not taken by another client?") from error  # fmt: skip
    except TimeoutError as error:
        raise Fault(f"{where}: no answer within {CONNECT_S:.0f} s: check the IP address, cable, switch, VLAN and the "
                    "firewall") from error  # fmt: skip
    except OSError as error:
        raise Fault(f"{where}: {error.strerror}: check the IP address and this computer's network settings") from error
    return (time.monotonic() - begun_s) * 1000


async def _probe_client(plc: PlcConfig, seconds: float) -> Probed:
    """The PLC comes by itself: round trips are its own, and there is nothing to write."""
    probed = Probed(f"PLC that comes to {plc.host}:{plc.port}")
    print(f"waiting up to {WAIT_S:.0f} s for the PLC to come", file=sys.stderr)
    samples = await listen(plc, seconds)
    rate = (len(samples) - 1) / duration_s(samples)
    probed.findings += [right("connection", f"the PLC reads and writes, {rate:.0f} times a second"),
                        check_map(samples[-1].words)]  # fmt: skip
    if probed.good:
        probed.findings += check_program(samples, plc)
        probed.figures |= _figures(samples)
    return probed


@asynccontextmanager
async def _connected(plc: PlcConfig) -> AsyncIterator[ModbusConnection]:
    """Many PLCs take one connection at a time, and need a moment to see that the last one has gone."""
    async with AsyncExitStack() as opened:
        for left in reversed(range(CONNECT_TRIES)):
            connection = ModbusConnection(open_endpoint(plc), plc.device_id, PATIENCE_MS)
            try:
                await opened.enter_async_context(connection)
                break
            except LinkError as error:
                if not left or plc.transport == "rtu":
                    raise Fault(str(error)) from error
                await asyncio.sleep(0.2)
        yield connection


async def _look(connection: ModbusConnection, plc: PlcConfig, seconds: float, write_test: bool, probed: Probed) -> None:
    try:
        words = await connection.read(PLC_BLOCK.base, PLC_BLOCK.count)
    except Refused as error:
        probed.findings.append(await _explain_refusal(connection, error.code))
        return
    except LinkError as error:
        if plc.transport == "rtu":
            raise
        probed.findings.append(wrong("answers", f"something listens but it speaks no Modbus ({error})",
                                     "is --port right? Modbus TCP is 502 in most PLCs"))  # fmt: skip
        return
    probed.findings += [right("FC03", f"{len(words)} registers in one read"), check_map(words)]
    if not probed.good:
        return
    try:
        before = await connection.read(AGENT_BLOCK.base, AGENT_BLOCK.count)
        await asyncio.sleep(LOOK_S)
        station = _moves(before, await connection.read(AGENT_BLOCK.base, AGENT_BLOCK.count))
        samples = await watch(connection, seconds, BESIDE_STATION_S if station else 0.0)
        after = await connection.read(AGENT_BLOCK.base, AGENT_BLOCK.count)
    except Refused as error:
        seen, remedy = explain(error.code, AGENT_BLOCK.count, END)
        probed.findings.append(wrong("agent's block", f"HR{AGENT_BLOCK.base}..{END}: {seen}", remedy))
        return
    probed.findings += [*check_program(samples, plc), _check_round_trip(samples, plc)]
    probed.findings.append(_check_station(station, AGENT_BLOCK.get(after, "AGENT_EPOCH"), samples))
    probed.figures |= _figures(samples)
    if write_test and station:
        remedy = "stop the station first: two writers of one block would fool the PLC"
        probed.findings.append(doubtful("write test", "left out: a station is connected", remedy))
    elif write_test:
        probed.findings += await find_write(connection, after, plc, probed.figures)


async def watch(connection: ModbusConnection, seconds: float, pace_s: float) -> list[Sample]:
    """Read as fast as the PLC answers, but not more often than every `pace_s`."""
    samples: list[Sample] = []
    end_s = time.monotonic() + seconds
    while len(samples) < 3 or time.monotonic() < end_s:
        sent_ns = time.monotonic_ns()
        words = await connection.read(PLC_BLOCK.base, PLC_BLOCK.count)
        samples.append(Sample(words, sent_ns, time.monotonic_ns()))
        await asyncio.sleep(max(0.0, pace_s - (time.monotonic_ns() - sent_ns) / 1e9))
    return samples


async def _explain_refusal(connection: ModbusConnection, code: int) -> Finding:
    """The block cannot be read in one piece: which piece can?"""
    seen, remedy = explain(code, PLC_BLOCK.count, END)
    base, count = PLC_BLOCK.base, PLC_BLOCK.count
    end = base + count - 1
    if await _readable(connection, base, 1):
        fits = await _longest(connection, base, count)
        if await _readable(connection, base + fits, 1):
            return wrong("FC03", f"{seen}: at most {fits} registers a read", f"a station reads {count} in one: choose "
                         "a Modbus server that allows them")  # fmt: skip
        return wrong("FC03", f"{seen}: HR{base}..{base + fits - 1} can be read, HR{base + fits} cannot", remedy)
    if await _readable(connection, end, 1):
        low, high = base, end
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if await _readable(connection, middle, 1) else (middle, high)
        return wrong("FC03", f"{seen}: nothing below HR{high} can be read", "begin the PLC's array at HR0 (40001)")
    return wrong("FC03", f"{seen}; not even single registers at HR{base} and HR{end} can be read", remedy)


async def _longest(connection: ModbusConnection, first: int, count: int) -> int:
    """The most registers from `first` on that one read gives; one register and not `count` is known."""
    low, high = 1, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if await _readable(connection, first, middle) else (low, middle)
    return low


async def _readable(connection: ModbusConnection, first: int, count: int) -> bool:
    try:
        await connection.read(first, count)
    except Refused:
        return False
    return True


def _check_round_trip(samples: list[Sample], plc: PlcConfig) -> Finding:
    spread = Spread.of([sample.round_trip_ms for sample in samples])
    assert spread is not None
    if spread.p99 > plc.timeout_ms:
        return wrong("round trip", f"read {spread}", f"plc.timeout_ms = {plc.timeout_ms:g} is too short: set it to "
                     f"{2 * spread.max:.0f}, or lower the PLC's communication load")  # fmt: skip
    if spread.max > plc.timeout_ms:
        return doubtful("round trip", f"read {spread}", f"some are longer than plc.timeout_ms = {plc.timeout_ms:g}: "
                        "each of them breaks the connection")  # fmt: skip
    return right("round trip", f"read {spread}")


def _moves(before: list[int], after: list[int]) -> bool:
    """Is somebody writing the agent's block?"""
    return AGENT_BLOCK.get(before, "AGENT_HB") != AGENT_BLOCK.get(after, "AGENT_HB")


def _check_station(station: bool, epoch: int, samples: list[Sample]) -> Finding:
    """Does the PLC echo the one that is connected?"""
    if not station:
        return right("station", f"none connected (AGENT_HB stands, last epoch {epoch})")
    paced = f"read every {BESIDE_STATION_S * 1000:g} ms at most beside it"
    if any(steps(samples, "AGENT_HB_ECHO")):
        return right("station", f"a station is connected: epoch {epoch}; AGENT_HB_ECHO follows it; {paced}")
    return wrong("station", f"a station is connected: epoch {epoch}, but AGENT_HB_ECHO stands; {paced}",
                 "copy AGENT_HB into AGENT_HB_ECHO in every scan")  # fmt: skip


def _figures(samples: list[Sample]) -> dict[str, Any]:
    newest = samples[-1]
    named = {register.name: newest.get(register.name) for register in PLC_BLOCK.registers}
    return {
        "registers": named,
        "read_ms": Spread.of([sample.round_trip_ms for sample in samples]),
        "scan_ms": Spread.of([about for _, about in scans_ms(samples)]),
    }
