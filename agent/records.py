"""Everything beside the deadline path: journal, publisher, control, archive, drift, metrics; tied together here.

The journal is the root of it: whoever wants to know of completed rows or events listens to it, in its thread, and
must not block there.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.archive.archive import open_archive
from agent.config import Config
from agent.ending import Ending
from agent.identity import Identity
from agent.journal.history import newest_ids
from agent.journal.housekeeping import Housekeeping
from agent.journal.journal import Journal
from agent.journal.start_stop import recorded_life
from agent.link import Link
from agent.monitor.monitor import open_monitor
from agent.monitor.pulse import Pulse
from agent.raised import Raised
from agent.results.control import ControlSocket
from agent.results.endpoints import Endpoints
from agent.results.history_server import HistoryServer
from agent.results.newest_photo import NewestPhoto
from agent.results.publisher import Publisher
from agent.results.taken_commands import taken_commands
from agent.standalone.open_standalone import asking

BEFORE_ROWS_S = 0.5
"""For each part that must end before the journal, which has all the time that is left then."""


class Records:
    """Opens at once; ConfigError when something cannot be. What closes it goes on `opened`."""

    def __init__(self, config: Config, identity: Identity, opened: Ending) -> None:
        self._config, self._identity, self.raised = config, identity, Raised()
        path = config.station.journal
        listeners = opened.later()  # the journal's last rows are still to be heard
        self.journal = journal = Journal(path, identity, config.journal.wait_ms, config.journal.required)
        opened.closes(journal)
        opened.closes(Housekeeping(journal, config.journal), BEFORE_ROWS_S)

        endpoints = Endpoints(config.publisher)
        listeners.closes(endpoints)
        self.pulse = Pulse(identity, journal, self.raised)
        publisher = Publisher(config.publisher, endpoints, identity, self.pulse.beat)
        listeners.closes(publisher)
        history = HistoryServer(endpoints, identity, path)
        listeners.closes(history)
        archive = open_archive(config, identity, journal, self.raised, listeners)
        self._monitor = monitor = open_monitor(config, identity, journal, self.pulse, self.raised, listeners)
        self._beside = (endpoints, publisher, history, monitor, *((archive,) if archive else ()))
        self._photo = NewestPhoto()

        journal.on_completed(publisher.publish)
        journal.on_completed(self._photo.completed)
        journal.on_event(publisher.publish_event)
        publisher.record_reaches(*newest_ids(path))
        opened.enter_context(recorded_life(identity, journal.record))
        endpoints.report_to(journal.record)
        self._control = ControlSocket(endpoints, journal.record, identity)
        opened.closes(self._control, BEFORE_ROWS_S)

    def serve(self, link: Link, install: Callable[[str, str], str]) -> None:
        """The link is open: its state goes into the pulse, and commands are taken.

        `install`: begin with the model of that sha256, for whoever asks; says what it did. Raises Fault.
        """
        self.pulse.begin(link.situation, (*self._beside, link.operator))
        ask = asking(self._config.trigger.mode, link)
        commands = taken_commands(
            link.operator, ask, lambda: self._identity.setup.recipes, self._photo, self._monitor.begin_anew, install
        )
        self._control.serve(commands)
