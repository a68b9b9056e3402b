"""The PLC as the station would find it: `linegate plc probe`'s findings, and its answers while nothing else happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise

from agent.doctor.plc_reads import Reads
from agent.doctor.subject import Subject
from agent.errors import Fault
from agent.finding import Finding, Level, doubtful, right, unknown, wrong
from agent.plc.bit_map import PLC_BITS
from agent.plc.commissioning.probe import connect_ms, probe
from agent.plc_config import PlcConfig
from agent.spread import Spread

PLC_MEMORY = ("DECIDE_MS", "DECIDE_COUNTS", "ENC_HZ")


def examine_plc(subject: Subject) -> Iterator[Finding]:
    """Read it, and write nothing; left to the station while that runs: many a PLC takes one connection alone."""
    if not subject.config.has_plc:
        yield right("PLC", "none by the station's file: verdicts go to subscribers and journal")
        return
    plc = subject.config.plc
    if plc.transport == "tcp" and plc.role == "client":
        subject.addresses["PLC"] = plc.host
    if subject.running:
        yield unknown("PLC", "skipped: the station runs, and a second connection may be refused or break the first: "
                      "see station", "for a look of its own stop the station: linegate plc probe")  # fmt: skip
        return
    try:
        yield from _look_at_bits(subject, plc) if plc.profile == "bits" else _look_at_words(subject, plc)
    except Fault as error:
        yield wrong("connection", str(error), "a station waits for the PLC, and no part passes meanwhile")


def _look_at_words(subject: Subject, plc: PlcConfig) -> Iterator[Finding]:
    probed = asyncio.run(probe(plc, subject.seconds, write_test=False))
    yield from probed.findings
    registers = probed.figures.get("registers") or {}
    subject.plc_memory = {name: int(registers[name]) for name in PLC_MEMORY if name in registers}
    if isinstance(scan := probed.figures.get("scan_ms"), Spread):
        subject.figures["plc_scan_ms"] = scan
    answers = not any(finding.subject in ("answers", "FC03") and finding.level is Level.WRONG
                      for finding in probed.findings)  # fmt: skip
    if plc.role == "client" and answers:
        yield _check_idle(subject, plc, _idle(subject, plc))


def _look_at_bits(subject: Subject, plc: PlcConfig) -> Iterator[Finding]:
    if plc.transport == "tcp":
        yield right("connection", f"TCP connected in {connect_ms(plc.host, plc.port):.1f} ms")
    reads = _idle(subject, plc)
    yield _check_idle(subject, plc, reads)
    beats = [PLC_BITS.get([*map(int, inputs)], "PLC_HB") for inputs in reads.inputs]
    toggles = sum(one != other for one, other in pairwise(beats))
    text = f"PLC_HB toggled {toggles} times in {subject.seconds:g} s (n = {len(beats)} reads)"
    if beats and toggles < 2:
        yield wrong("heartbeat", text, "is the PLC in RUN? It toggles PLC_HB every 100 ms (linegate plc map)")
    elif beats:
        yield right("heartbeat", text)


def _idle(subject: Subject, plc: PlcConfig) -> Reads:
    with Reads(plc) as reads:
        time.sleep(subject.seconds)
    subject.note("plc_read_idle_ms", reads.times_ms)
    return reads


def _check_idle(subject: Subject, plc: PlcConfig, reads: Reads) -> Finding:
    spread = subject.spread("plc_read_idle_ms")
    if spread is None:
        return wrong("reads while idle", reads.trouble, "does this Modbus server answer other clients? Check the "
                     "device id, its connection limit and the wires")  # fmt: skip
    text = f"{spread}, one every plc.cycle_ms = {plc.cycle_ms:g}; plc.timeout_ms = {plc.timeout_ms:g}"
    if spread.p99 > plc.timeout_ms:
        return wrong("reads while idle", text, f"plc.timeout_ms is too short: set it to {2 * spread.max:.0f}, or lower "
                     "the PLC's communication load")  # fmt: skip
    if spread.p99 > max(plc.cycle_ms, plc.scan_ms):
        return doubtful("reads while idle", text, "slower than a cycle and a scan: set plc.cycle_ms to what it takes, "
                        "or lower the PLC's communication load")  # fmt: skip
    return right("reads while idle", text)
