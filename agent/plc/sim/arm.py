"""The simulated reject arm: what moves it, what it does to a part, and the sensor behind its chute.

At rest it rejects (energise-to-pass). Either the PLC moves it for each part by the part's outcome, or the station
does by coils of its own; then the part passes if the gate is open at the instant the part is before it. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

CONFIRM_S = 0.06
"""So long a rejected part falls until the sensor sees it."""
WATCHDOG_S = 0.2
"""Outputs fall when the PLC program has not run for so long."""
REMEMBERED = 4096
DEFAULT_LANE = "reject"


@dataclass(frozen=True)
class Wiring:
    """Coils of the station's that move the arm; neither pass nor reject coil: the PLC moves it."""

    pass_coil: int | None = None
    """Energised = the gate is open."""
    reject_coil: int | None = None
    """Energised = the gate is shut: a dead wire lets everything pass."""
    lane_coils: Mapping[str, int] = field(default_factory=dict)
    """Where a rejected part goes, by class."""
    watchdog_ms: float = 100.0
    """So long after the station's last sign of life its coils fall."""

    @property
    def by_coils(self) -> bool:
        return self.pass_coil is not None or self.reject_coil is not None

    def state(self, energised: Callable[[int], bool]) -> Gate:
        """The gate with these coils energised."""
        is_open = energised(self.pass_coil) if self.pass_coil is not None else not energised(self.reject_coil or 0)
        lane = next((name for name, coil in self.lane_coils.items() if energised(coil)), DEFAULT_LANE)
        return Gate(is_open, None if is_open else lane)


@dataclass(frozen=True)
class Gate:
    """Open, or shut with the lane that the part is sent into."""

    let_pass: bool
    lane: str | None


SHUT = Gate(False, DEFAULT_LANE)
OPEN = Gate(True, None)


class Outputs:
    """The gate as each scan has set it: the arm asks about instants that are past by then."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._dead = wiring.state(lambda coil: False) if wiring.by_coils else SHUT
        self._set: deque[tuple[float, Gate]] = deque(maxlen=REMEMBERED)

    def write(self, at_s: float, gate: Gate) -> None:
        """What the scan at `at_s` puts out."""
        self._set.append((at_s, gate))

    def drop(self, at_s: float) -> None:
        """No output is energised any more."""
        self.write(at_s, self._dead)

    def from_coils(self, coils: list[bool], trusted: bool) -> Gate:
        """What the station's coils ask for; nothing while it is not `trusted` (output watchdog)."""
        return self.wiring.state(lambda coil: trusted and coils[coil])

    def at(self, at_s: float) -> Gate:
        """The gate at that instant."""
        for set_s, gate in reversed(self._set):
            if set_s <= at_s:
                return gate if at_s - set_s <= WATCHDOG_S else self._dead
        return self._dead


class Arm:
    """What it truly does, which with a jam is not what it was told."""

    def __init__(self) -> None:
        self.jammed_until_s = 0.0
        self.blind_until_s = 0.0
        self._falling: deque[float] = deque()
        self._confirmed = 0

    def act(self, at_s: float, ordered: Gate, part_there: bool) -> Gate:
        """Move; a part that it rejects falls past the confirm sensor."""
        done = OPEN if at_s < self.jammed_until_s else ordered
        if part_there and not done.let_pass:
            self._falling.append(at_s + CONFIRM_S)
        return done

    def confirmed(self, now_s: float) -> int:
        """Parts that the sensor behind the chute has seen, u16, wraps."""
        while self._falling and self._falling[0] <= now_s:
            seen = self._falling.popleft() >= self.blind_until_s
            self._confirmed = (self._confirmed + seen) & 0xFFFF
        return self._confirmed

    def describe(self, now_s: float) -> list[str]:
        """What is the matter, for the status screen."""
        found = (("arm jammed in pass position", self.jammed_until_s), ("confirm sensor blind", self.blind_until_s))
        return [f"{what} for {until_s - now_s:.1f} s more" for what, until_s in found if now_s < until_s]
