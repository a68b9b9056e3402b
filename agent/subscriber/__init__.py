"""For other programs: a station's results, gap-free, in a `for` loop."""

from agent.keys import load_client_keys
from agent.subscriber.subscriber import Break, Trouble, follow, history, subscribe, subscribe_events

__all__ = ["Break", "Trouble", "follow", "history", "load_client_keys", "subscribe", "subscribe_events"]
