"""Results for other programs and for people: ZeroMQ on both ends, and the commands that a station takes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.results.keys import load_client_keys
    from agent.results.subscriber import Break, Trouble, follow, history, subscribe, subscribe_events

__all__ = ["Break", "Trouble", "follow", "history", "load_client_keys", "subscribe", "subscribe_events"]


def __getattr__(name: str) -> Any:
    """What other programs use, loaded when it is: the messages alone need no ZeroMQ."""
    if name not in __all__:
        raise AttributeError(name)
    module = "keys" if name == "load_client_keys" else "subscriber"
    return getattr(import_module(f"agent.results.{module}"), name)
