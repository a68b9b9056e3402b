"""Values that are allowed and yet hardly meant: a unit mistaken, most of the time by a thousand."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from agent.check.problems import Problems
from agent.config import Config


class _Usual(NamedTuple):
    least: float
    most: float
    unit: str


_USUAL = {
    "camera.exposure_us": _Usual(2, 2_000_000, "µs"),
    "camera.trigger_delay_us": _Usual(0.1, 2_000_000, "µs"),
    "trigger.min_pitch_ms": _Usual(5, 60_000, "ms"),
    "trigger.period_ms": _Usual(5, 60_000, "ms"),
    "trigger.capture_window_ms": _Usual(2, 60_000, "ms"),
    "trigger.frame_timeout_ms": _Usual(2, 60_000, "ms"),
    "trigger.deadline_ms": _Usual(5, 60_000, "ms"),
    "trigger.belt_speed_mm_s": _Usual(3, 20_000, "mm/s"),
    "calibration.x_mm_per_px": _Usual(0.0002, 10, "mm"),
    "calibration.y_mm_per_px": _Usual(0.0002, 10, "mm"),
    "plc.cycle_ms": _Usual(1, 1000, "ms"),
    "plc.scan_ms": _Usual(0.2, 500, "ms"),
    "plc.timeout_ms": _Usual(2, 60_000, "ms"),
    "plc.decide_ms": _Usual(5, 60_000, "ms"),
    "reject.pulse_ms": _Usual(2, 10_000, "ms"),
    "reject.distance_mm": _Usual(3, 50_000, "mm"),
}
"""Beyond these no line was ever seen; 0 is always meant."""


def check_units(config: Config, sound: Set[str], problems: Problems) -> None:
    """Warn of each written value that a factor of a thousand would make a usual one."""
    for key, usual in _USUAL.items():
        name, _, own = key.partition(".")
        field = "plc_table" if name == "plc" else name
        table = getattr(config, field) if field in sound else None
        value = getattr(table, own, None)
        if table is None or not value or own not in table.model_fields_set or usual.least <= value <= usual.most:
            continue
        meant = value * 1000 if value < usual.least else value / 1000
        if usual.least <= meant <= usual.most:
            problems.warn(key, f"{value:g} {usual.unit} is hardly meant: the key is in {usual.unit}; write {meant:g}?")
