"""For other programs: a station's results, gap-free, in a `for` loop."""

from agent.errors import ConfigError, Fault, LinegateError, UsageError
from agent.keys import ClientKeys, load_client_keys
from agent.messages import DefectRecord, EventMessage, ResultMessage, StatusMessage, Upkeep
from agent.subscriber.handshakes import Refused
from agent.subscriber.subscriber import Break, Trouble, follow, history, subscribe, subscribe_events

__all__ = [
    "Break",
    "ClientKeys",
    "ConfigError",
    "DefectRecord",
    "EventMessage",
    "Fault",
    "LinegateError",
    "Refused",
    "ResultMessage",
    "StatusMessage",
    "Trouble",
    "Upkeep",
    "UsageError",
    "follow",
    "history",
    "load_client_keys",
    "subscribe",
    "subscribe_events",
]
