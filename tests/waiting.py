"""Waiting for something that must become true, and for what a station says of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice

from agent.local_line import free_port
from agent.messages import StatusMessage
from agent.results_config import PublisherConfig
from agent.subscriber.subscriber import subscribe_status

PATIENCE_S = 60
"""Spent in full by a test that fails; a busy computer needs some of it."""


def wait_until(met: Callable[[], object], what: str = "it is so", shown: Callable[[], object] = lambda: "") -> None:
    """Poll until `met`; after PATIENCE_S fails with `what` and what is `shown` then."""
    end_s = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < end_s, f"waited {PATIENCE_S} s in vain until {what}\n{shown()}"
        time.sleep(0.02)


def newest_pulse(results: str) -> StatusMessage:
    """What the station with this endpoint says of itself, now: the first that comes may be a second old."""
    with closing(subscribe_status(results)) as pulses:  # type: ignore[type-var]
        return next(islice(pulses, 1, None))


def local_ports(*names: str) -> PublisherConfig:
    """Free ports for results, replay and these."""
    ends = {name: f"tcp://127.0.0.1:{free_port()}" for name in ("results", "replay", *names)}
    return PublisherConfig.model_validate(ends)
