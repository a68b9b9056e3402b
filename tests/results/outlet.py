"""A journal and its publisher, as the station wires them; can be stopped and started again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from agent.journal.history import newest_ids
from agent.journal.journal import Journal
from agent.messages import ResultMessage
from agent.monitor.pulse import Pulse
from agent.raised import Raised
from agent.results.endpoints import Endpoints
from agent.results.history_server import HistoryServer
from agent.results.publisher import Publisher
from agent.results_config import PublisherConfig
from agent.subscriber.subscriber import subscribe
from tests.results.records import identity, journal_at
from tests.waiting import PATIENCE_S, local_ports


class Outlet:
    """A journal and its publisher, as the station wires them; can be stopped and started again."""

    def __init__(self, path: Path, endpoints: PublisherConfig | None = None, agent_epoch: int = 1) -> None:
        self.path, self.agent_epoch = path, agent_epoch - 1
        self.endpoints = endpoints or local_ports().model_copy(update={"images": "all"})
        self.start()

    def start(self) -> None:
        self.agent_epoch += 1
        self.journal: Journal = journal_at(self.path, self.agent_epoch)
        self.sockets = Endpoints(self.endpoints)
        own = identity(self.agent_epoch)
        beat = Pulse(own, self.journal, Raised()).beat
        self.publisher = Publisher(self.endpoints, self.sockets, own, beat)
        self.history = HistoryServer(self.sockets, own, self.path)
        self.journal.on_completed(self.publisher.publish)
        self.journal.on_event(self.publisher.publish_event)
        self.publisher.record_reaches(*newest_ids(self.path))

    def drop_every_second(self) -> None:
        """PUB is lossy: from now on every second message never reaches the wire."""
        publish, reaches = self.publisher.publish, self.publisher.record_reaches
        self.journal._writer.listeners[:] = [
            lambda message, closed: (
                publish(message, closed) if message.message_id % 2 else reaches(message.message_id, 0)
            )
        ]

    def stop(self) -> None:
        self.stop_sockets()
        self.journal.close()

    def stop_sockets(self) -> None:
        self.publisher.close()
        self.history.close()
        self.sockets.close()

    def subscribe(self, count: int, since: int | None = 0) -> Callable[[], list[ResultMessage]]:
        """Start a subscriber; the call returned waits for the `count` messages it wants."""
        messages: list[ResultMessage] = []

        def receive() -> None:
            stream = subscribe(self.endpoints.results, self.endpoints.replay, since)
            messages.extend(islice(stream, count))
            stream.close()  # type: ignore[attr-defined]

        thread = threading.Thread(target=receive, daemon=True)
        thread.start()

        def wait() -> list[ResultMessage]:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the subscriber still waits for messages"
            return messages

        return wait
