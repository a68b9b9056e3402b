"""A camera's own clock → this computer's monotonic clock. Pure.

Whatever of the camera is seen here was seen late, never early: a frame by its transfer, a latched clock value by half a
round trip. So each sighting says how far the two clocks are apart *at most*, and the least of them is nearest to the
truth. A mapped time is therefore never before the true one, and late by no more than the fastest recent sighting was:
a fraction of a millisecond where the camera lets its clock be latched, else exposure and read-out of the fastest frame.
"""

from __future__ import annotations

from collections import deque

MAX_DRIFT = 1e-4
"""Both clocks' crystals together: 100 ppm. An older sighting counts for that much less."""
SIGHTINGS = 32
JUMP_NS = 20_000_000
"""So much earlier than its neighbours, a sighting says: the camera's clock was set. So much later, it may be that, or
it was held up on a busy computer: LATE_ALIKE of them, late by the same to within STEADY_NS, tell."""
LATE_ALIKE = 3
STEADY_NS = 5_000_000
MAX_TRANSFER_NS = 2_000_000_000
"""Nothing takes longer: the latched clock is not the one that stamps the frames."""


class DeviceClock:
    """Learns from each frame, and from latched clock values where there are any."""

    def __init__(self) -> None:
        self._frames = _Sightings()
        self._latches = _Sightings()

    def latched(self, device_ns: int, until_ns: int) -> None:
        """At `until_ns` (monotonic) the camera had answered that its clock stood at `device_ns`."""
        if self._latches.jumped_ns(device_ns, until_ns):
            self._forget()
        self._latches.add(device_ns, until_ns)

    def exposed(self, device_ns: int, arrived_ns: int) -> tuple[int, int]:
        """A frame stamped `device_ns` arrived at `arrived_ns` (monotonic): when it was exposed, and 0.

        Not 0: the camera's clock was set by so many ns; the frame's time is its arrival and proves nothing, and the
        clocks are learned anew from here. Until a clock that was set back is told from frames that are held up, its
        frames seem older than they are: too old for any part.
        """
        jumped_ns = self._frames.jumped_ns(device_ns, arrived_ns)
        if jumped_ns:
            self._forget()
        self._frames.add(device_ns, arrived_ns)
        if jumped_ns:
            return arrived_ns, jumped_ns
        apart_ns = self._frames.most_apart_ns(arrived_ns)
        if self._latches:
            latched_ns = self._latches.most_apart_ns(arrived_ns)
            apart_ns = latched_ns if 0 < apart_ns - latched_ns <= MAX_TRANSFER_NS else apart_ns
        return device_ns + apart_ns, 0

    def _forget(self) -> None:
        self._frames = _Sightings()
        self._latches = _Sightings()


class _Sightings:
    """The last few: (when, how far apart the clocks were at most)."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=SIGHTINGS)
        self._late_ns: deque[int] = deque(maxlen=LATE_ALIKE)
        """Of the newest ones, as long as each was late."""

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, device_ns: int, seen_ns: int) -> None:
        self._seen.append((seen_ns, seen_ns - device_ns))

    def most_apart_ns(self, now_ns: int, drift: float = MAX_DRIFT) -> int:
        """monotonic − device, at most: the least that any sighting allows, as old as it is."""
        return min(apart_ns + int(abs(now_ns - seen_ns) * drift) for seen_ns, apart_ns in tuple(self._seen))

    def jumped_ns(self, device_ns: int, seen_ns: int) -> int:
        """By how much the camera's clock was set, going by this sighting; 0: it was not, as far as can be told."""
        if not self._seen:
            return 0
        late_ns = seen_ns - device_ns - self.most_apart_ns(seen_ns)
        early_ns = seen_ns - device_ns - self.most_apart_ns(seen_ns, -MAX_DRIFT)
        if late_ns <= JUMP_NS:
            self._late_ns.clear()
            return early_ns if early_ns < -JUMP_NS else 0
        self._late_ns.append(late_ns)
        alike = len(self._late_ns) == LATE_ALIKE and max(self._late_ns) - min(self._late_ns) <= STEADY_NS
        return late_ns if alike else 0
