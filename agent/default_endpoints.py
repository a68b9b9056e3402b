"""Where a station's results, replay and commands are, unless its file says otherwise."""

from __future__ import annotations

RESULTS, REPLAY, CONTROL = (f"tcp://127.0.0.1:{port}" for port in (5556, 5557, 5558))
