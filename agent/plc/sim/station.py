"""What a station's file must say to work with a simulated PLC: its tables [plc], [camera] and [trigger]. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.plc.sim.bits import longest_scan_ms
from agent.plc.wires.serial_timing import Exchanges

if TYPE_CHECKING:
    from agent.plc.sim.simulator import LineOptions

Table = Mapping[str, object]
WRITE_MS = 20
"""On top of a scan, until a verdict is in the PLC."""
TOLERANCE_MS = 5
CLOSER = 0.9
"""No two parts come closer than this share of the pitch, whatever the belt does."""


def station_tables(options: LineOptions, pitch_mm: float) -> dict[str, Table]:
    """By name of the table; the rest may be as in config/demo.toml."""
    return {
        "plc": {**_place(options), **_times(options)},
        "camera": {"driver": "simulated", "endpoint": options.camera_endpoint},
        "trigger": {
            "mode": "hardware",
            "tolerance_ms": TOLERANCE_MS,
            "min_pitch_ms": math.floor(CLOSER * pitch_mm / options.mm_s * 1000),
        },
    }


def as_toml(tables: Mapping[str, Table]) -> str:
    """To be copied into the file."""
    parts = [f"[{name}]\n" + "\n".join(f"{key} = {_value(value)}" for key, value in table.items())
             for name, table in tables.items()]  # fmt: skip
    return "\n".join(parts)


def _place(options: LineOptions) -> Table:
    wire = options.wire
    if wire.line is not None:
        line = {"device": "the other end of " + wire.line.device, "baud_rate": wire.line.baud_rate,
                "parity": wire.line.parity, "stop_bits": wire.line.stop_bits}  # fmt: skip
        return {"transport": "rtu", "serial": line}
    role = {"role": "server"} if wire.role == "client" else {}
    return {**role, "host": wire.host, "port": wire.port}


def _times(options: LineOptions) -> Table:
    wire, scan_ms = options.wire, math.ceil(options.scan_ms)
    if wire.profile == "bits":
        scan_ms = math.ceil(longest_scan_ms(options.scan_ms))
    times: dict[str, object] = {"scan_ms": scan_ms, "guard_ms": scan_ms + WRITE_MS}
    if wire.role == "client":
        times |= {"cycle_ms": scan_ms, "guard_ms": 2 * scan_ms + WRITE_MS}
    if wire.line is not None:
        words = wire.profile == "words"
        exchanges = Exchanges.of_words(wire.line, False) if words else Exchanges.of_bits(wire.line)
        times |= {"cycle_ms": math.ceil(exchanges.cycle_ms), "guard_ms": math.ceil(scan_ms + exchanges.write_ms),
                  "timeout_ms": max(100, math.ceil(exchanges.longest_ms))}  # fmt: skip
    if wire.profile == "bits":
        times |= {"profile": "bits", "decide_ms": options.decide_ms}
    return times


def _value(value: object) -> str:
    """JSON's strings and numbers are TOML's; a table in one line is not."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)
