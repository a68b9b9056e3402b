"""What a Modbus exception code means when a station asks, and who can mend it."""

from __future__ import annotations

MEANINGS = {
    1: ("function not supported", "this Modbus server does not speak the function code: use another server block, or "
        "for FC23 leave plc.combined = false"),
    2: ("illegal address", "make the PLC's array at least HR0..HR{end}, readable and writable"),
    3: ("illegal value or too many registers", "the server must take {count} registers in one request"),
    4: ("server failure", "the PLC is in STOP, its watchdog has fired, or --device-id is wrong"),
    6: ("server busy", "another client keeps it busy, or its communication load is too high"),
    10: ("gateway path unavailable", "the gateway does not know this --device-id"),
    11: ("gateway target does not answer", "the device behind the gateway is off, or --device-id is wrong"),
}  # fmt: skip


def explain(code: int, count: int, end: int) -> tuple[str, str]:
    """(what it says, what to do); `count` registers were asked for, the highest of the map is HR`end`."""
    meaning, remedy = MEANINGS.get(code, ("a code of its own", "see the PLC's manual"))
    return f"Modbus exception {code}: {meaning}", remedy.format(count=count, end=end)
