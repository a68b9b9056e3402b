"""`linegate model install`: the file goes into the station's state folder, the station is told, and its answer awaited.

It runs on the line computer. A root user does all that is done in the station's folder as its owner.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config, load_config
from agent.errors import ConfigError, Fault, UsageError, in_words
from agent.keys import ClientKeys
from agent.messages import EventMessage, ReplayRequest
from agent.model.store import ModelStore, shortened
from agent.model.try_out import LIMIT_S
from agent.subscriber.control_client import give_command
from agent.subscriber.replay_client import ask_once

LOOK_S = 0.2
TRIED_WITHIN_S = LIMIT_S + 30
TRIAL_S = 20.0
"""So long the end of the trial is waited for: a line that stands has no parts for it."""
FAILED = ("refused", "rolled_back")


@dataclass(frozen=True)
class Station:
    """A running one, as its config file describes it."""

    config: Config
    keys: ClientKeys | None

    def newest_event(self) -> int:
        """Its id. Raises Fault when no station answers."""
        request = ReplayRequest(kind="event", last=1)
        reply, _ = ask_once(self.config.publisher.replay, request, self.keys)
        return reply.last_message_id

    def told(self, since: int, sha256: str, within_s: float) -> Iterator[EventMessage]:
        """What it writes down of this model after that event, as it comes.

        It may have ended, and tell more when it is back. Raises Fault when it is not.
        """
        end_s, silence = time.monotonic() + within_s, None
        while time.monotonic() < end_s:
            request = ReplayRequest(kind="event", since=since)
            try:
                events, silence = ask_once(self.config.publisher.replay, request, self.keys)[1], None
            except Fault as error:
                events, silence = [], error
            for event in events:
                assert isinstance(event, EventMessage)
                since = event.event_id
                if event.kind == "model" and event.detail.startswith(sha256):
                    yield event
            time.sleep(LOOK_S)
        if silence:
            raise silence


def install_model(path: Path, content: bytes | None, who: str, keys: ClientKeys | None) -> str:
    """What came of it, for a person. `content`: of the file; None: the model before the one in use.

    Raises Fault when the station refuses it or it fails, UsageError, ConfigError.
    """
    config = load_config(path)
    station = Station(config, keys)
    since = _newest_event(station)
    sha256 = _stored(config, content)
    give_command(config.publisher.control, "model", who, sha256, keys)
    return _outcome(station, since, sha256)


def _newest_event(station: Station) -> int:
    try:
        return station.newest_event()
    except Fault as error:
        raise Fault(
            f"{error} A station that does not run takes its model from [model] path: name the file there, and start it"
        ) from error


def _stored(config: Config, content: bytes | None) -> str:
    state_dir = config.station.state_dir
    store = ModelStore(state_dir, config.model.path)
    try:
        _become_owner(state_dir)
        return store.add(_previous(store) if content is None else content)
    except PermissionError as error:
        raise UsageError(
            f"{state_dir}: permission denied: run this as root, or as the station's user "
            "(as root: runuser -u linegate -- linegate …)"
        ) from error
    except OSError as error:
        raise Fault(f"{state_dir}: {in_words(error)}: the model file could not be put there") from error


def _previous(store: ModelStore) -> bytes:
    """Of the model before the one in use. Raises UsageError, OSError."""
    installed = store.read()
    if installed is None or installed.previous == installed.model:
        raise UsageError("--previous: there is no model before the one in use (linegate model history): name a file")
    try:
        return store.path_of(installed.previous).read_bytes()
    except ConfigError as error:
        raise UsageError(f"--previous: model {installed.previous[:12]} is not here any more: name its file") from error


def _become_owner(folder: Path) -> None:
    """A folder that is somebody else's may hold links of his: root follows none of them."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _outcome(station: Station, since: int, sha256: str) -> str:
    swapped = None
    for event in station.told(since, sha256, TRIED_WITHIN_S):
        if event.what == "swapped":
            swapped = event
            break
        _require_good(event)
    if swapped is None:
        raise Fault(f"nothing has come of it within {TRIED_WITHIN_S:.0f} s: see linegate model history")
    for event in station.told(swapped.event_id, sha256, TRIAL_S):
        if event.what == "kept":
            return f"installed: {shortened(swapped.detail).partition('; on trial')[0]}; its trial has passed"
        _require_good(event)
    return f"installed: {shortened(swapped.detail)}, which is not over yet: linegate model history will tell"


def _require_good(event: EventMessage) -> None:
    if event.what in FAILED:
        raise Fault(f"model {event.what.replace('_', ' ')}: {shortened(event.detail)}")
