"""What a camera's frames say about it over some time: cadence, losses, brightness, sharpness, delays. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agent.cameras.commissioning.showing import Look
from agent.inspection import Frame

KEPT = 100_000
"""Of so many newest frames the distributions are made."""
CLOCK_NS = 1000
"""A camera without a clock is taken to have exposed just before its frame came: to the nanosecond."""


def _kept() -> deque[float]:
    return deque(maxlen=KEPT)


@dataclass
class Statistics:
    """Add frames in the order in which they came."""

    frames: int = 0
    incomplete: int = 0
    missing: int = 0
    """Frame numbers that were never seen, between the first and the last."""
    out_of_order: int = 0
    """A number again, or one lower than the last."""
    _last: Frame | None = None
    _intervals_ms: deque[float] = field(default_factory=_kept)
    _handed_over_ms: deque[float] = field(default_factory=_kept)
    _since_exposure_ms: deque[float] = field(default_factory=_kept)
    _looks: deque[Look] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, frame: Frame, in_hand_ns: int, look: Look | None = None) -> None:
        """One frame, when it was in the station's hand, and (of as many as there is time for) how it looks."""
        self.frames += 1
        self.incomplete += not frame.complete
        if self._last is not None:
            step = frame.frame_id - self._last.frame_id
            self.missing += max(0, step - 1)
            self.out_of_order += step < 1
            self._intervals_ms.append((frame.captured_ns - self._last.captured_ns) / 1e6)
        if frame.received_ns:
            self._handed_over_ms.append((in_hand_ns - frame.received_ns) / 1e6)
            if abs(frame.received_ns - frame.captured_ns - frame.exposure_us * 1000) > CLOCK_NS:
                self._since_exposure_ms.append((in_hand_ns - frame.captured_ns) / 1e6)
        if look is not None:
            self._looks.append(look)
        self._last = frame

    def next_part(self) -> Statistics:
        """For the frames after the last one."""
        return Statistics(_last=self._last)

    def figures(self) -> dict[str, Any]:
        """Plain data; a distribution of nothing is None."""
        mean_ms = float(np.mean(self._intervals_ms)) if self._intervals_ms else 0.0
        return {
            "frames": self.frames,
            "rate_per_s": round(1000 / mean_ms, 3) if mean_ms > 0 else None,
            "interval_ms": distribution(self._intervals_ms),
            "missing": self.missing,
            "out_of_order": self.out_of_order,
            "incomplete": self.incomplete,
            "mean_grey": distribution(look.mean_grey for look in self._looks),
            "saturated": distribution(look.saturated for look in self._looks),
            "sharpness": distribution(look.sharpness for look in self._looks),
            "driver_to_station_ms": distribution(self._handed_over_ms),
            "exposure_to_station_ms": distribution(self._since_exposure_ms),
        }


def distribution(values: Iterable[float]) -> dict[str, float] | None:
    """min, median, p99 and max."""
    found = list(values)
    if not found:
        return None
    quantiles = np.percentile(found, [0, 50, 99, 100])
    return {name: round(float(q), 4) for name, q in zip(("min", "median", "p99", "max"), quantiles, strict=True)}
