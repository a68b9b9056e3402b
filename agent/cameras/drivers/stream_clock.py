"""When a frame of a stream was taken, from the presentation time that travels with it. Pure.

The least of (arrival − presentation time) so far is how our clock runs against the stream's; whatever comes later than
that has waited on its way. So a frame out of a backlog is seen to be old, however freshly it was fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.errors import Fault

DRIFT = 2e-4
"""How much slower than ours the stream's clock may run."""
IMPROVED_NS = 20_000_000


@dataclass
class StreamClock:
    """Told of every frame, in order."""

    most_lag_ns: int
    """A stream that is further behind is lost."""
    improved_ns: int = 0
    """When frames last came faster than they were taken: what was known until then was a backlog."""
    _offset_ns: int = field(default=0, init=False)
    _lowest_ns: int = field(default=0, init=False)
    _last: tuple[int, int] | None = field(default=None, init=False)

    def captured_ns(self, presented_ns: int, arrived_ns: int) -> int:
        """CLOCK_MONOTONIC, at the latest `arrived_ns`. Raises Fault when the stream jumps back or falls behind."""
        offset_ns = arrived_ns - presented_ns
        if self._last is None:
            self._offset_ns = self._lowest_ns = offset_ns
            self.improved_ns = arrived_ns
        else:
            presented_before_ns, arrived_before_ns = self._last
            if presented_ns < presented_before_ns:
                raise Fault(f"its times jump back by {(presented_before_ns - presented_ns) / 1e9:.1f} s")
            drifted_ns = self._offset_ns + int(DRIFT * (arrived_ns - arrived_before_ns))
            self._offset_ns = min(offset_ns, drifted_ns)
        if self._offset_ns < self._lowest_ns - IMPROVED_NS:
            self._lowest_ns, self.improved_ns = self._offset_ns, arrived_ns
        self._last = presented_ns, arrived_ns
        lag_ns = offset_ns - self._offset_ns
        if lag_ns > self.most_lag_ns:
            raise Fault(f"it has fallen {lag_ns / 1e9:.1f} s behind: this computer or the network is too slow for it")
        return arrived_ns - lag_ns
