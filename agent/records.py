"""Everything beside the deadline path: journal, publisher, control, archive, drift, metrics; tied together here.

The journal is the root of it: whoever wants to know of completed rows or events listens to it, in its thread, and
must not block there.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from agent.archive.archive import open_archive
from agent.config import Config
from agent.identity import Identity
from agent.journal.history import newest_ids
from agent.journal.housekeeping import Housekeeping
from agent.journal.journal import Journal
from agent.journal.start_stop import recorded_life
from agent.journal.watch import Watch
from agent.link import Link
from agent.messages import Upkeep
from agent.monitor.monitor import open_monitor
from agent.plc.register_map import Alarm
from agent.results.control import ControlSocket, Done
from agent.results.endpoints import Endpoints
from agent.results.history_server import HistoryServer
from agent.results.newest_photo import NewestPhoto
from agent.results.publisher import Publisher
from agent.results.taken_commands import taken_commands
from agent.standalone.open_standalone import asking


class Records:
    """Opens at once; ConfigError when something cannot be. What closes it goes on `opened`."""

    def __init__(self, config: Config, identity: Identity, opened: ExitStack) -> None:
        self._config = config
        self._endpoints = endpoints = Endpoints(config.publisher)
        opened.callback(endpoints.close)
        path = config.station.state_dir / "journal.sqlite"
        self.journal = Journal(path, identity, config.journal.wait_ms, config.journal.required)
        self._publisher = Publisher(config.publisher, endpoints, identity)
        opened.callback(self._publisher.close)
        self._history = HistoryServer(endpoints, identity, path)
        opened.callback(self._history.close)
        self._archive = open_archive(config, identity, self.journal, opened)
        self._monitor = open_monitor(config, identity, self.journal, opened)
        opened.callback(self.journal.close)  # before the publisher: its last rows are still to be sent
        self._watch = Watch(self.journal)
        opened.callback(self._watch.close)
        opened.callback(Housekeeping(self.journal, config.journal).close)
        self.journal.on_completed(self._publisher.publish)
        self.journal.on_event(self._publisher.publish_event)
        self._publisher.record_reaches(*newest_ids(path))
        opened.enter_context(recorded_life(identity, self.journal.record))
        endpoints.report_to(self.journal.record)
        self._recipes, self._photo = identity.recipes, NewestPhoto()
        self.journal.on_completed(self._photo.completed)
        self._control = ControlSocket(endpoints, self.journal.record)
        opened.callback(self._control.close)

    def serve(self, link: Link) -> None:
        """The link is open: its state goes into the pulse, and commands are taken."""
        self._publisher.on_status(self._monitor.pulse.situation_of(link.situation))
        self._monitor.on_drift(link.warn)
        self._operator = link.operator
        self._watch.warn_by(partial(link.warn, Alarm.JOURNAL))
        if self._archive is not None:
            self._archive.warn_by(partial(link.warn, Alarm.EVIDENCE))
        self._publisher.on_upkeep(self._monitor.pulse.upkeep_of(self._upkeep))
        ask = asking(self._config.trigger.mode, link)
        commands = taken_commands(link.operator, ask, self._recipes, self._photo)
        self._control.serve(commands | {"relearn": lambda _: Done(self._monitor.begin_anew())})

    def _upkeep(self) -> Upkeep:
        """How all this gets on, once a second, in the publisher's thread."""
        return Upkeep(
            clients_refused=self._endpoints.refused,
            rows_waiting=self.journal.rows_waiting,
            journal_trouble=self._watch.trouble or self.journal.damage,
            live_waiting=self._publisher.waiting,
            live_dropped=self._publisher.dropped,
            clients_put_out=self._endpoints.guard.put_out_count,
            replays_dropped=self._history.dropped,
            paused_by=self._operator.paused_by,
            drifting=self._monitor.drift.drifting,
            drift_learning_parts=self._monitor.drift.learning_parts,
            **(self._archive.upkeep() if self._archive else {}),
        )
