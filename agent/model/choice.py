"""Which model a start of the station uses: the config's, the installed one, or the one before it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigError, in_words
from agent.event import Event
from agent.log.about import about
from agent.log.happening import Happening
from agent.model.store import Installed, ModelStore, shortened

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """`previous`: the model is still on trial, and this is used where it fails."""

    path: Path
    previous: Path | None = None
    told: tuple[Event, ...] = ()
    """What is to be written down of it."""
    rolled_back: bool = False


def choose_model(store: ModelStore, configured: Path) -> Choice:
    """What stands on disk is brought up to date; call `opening_is_over` when that is so. Raises ConfigError.

    A model that is installed and not there, or changed, is none to do without: the station stays down.
    """
    installed = store.read()
    if installed is None:
        return Choice(configured)
    now = store.configured()
    if now != installed.configured:
        _write(store, None)
        why = f"{now} by [model] path, which has another file than when {installed.model} was installed"
        return Choice(configured, told=(told("configured", why),))
    if not installed.on_trial:
        return Choice(store.path_of(installed.model, now))
    if installed.running:
        return _back(store, installed, now)
    paths = store.path_of(installed.model, now), store.path_of(installed.previous, now)
    # whoever stops a station that is opening its model ends it as a crash would: only the second in a row is proof
    _write(store, installed.model_copy(update={"opening": True, "running": installed.opening}))
    return Choice(*paths)


def opening_is_over(store: ModelStore) -> None:
    """It has opened, or is known to be bad. Raises ConfigError."""
    installed = store.read()
    if installed and installed.opening:
        _write(store, installed.model_copy(update={"opening": False, "running": False}))


def _back(store: ModelStore, installed: Installed, configured: str) -> Choice:
    path = store.path_of(installed.previous, configured)
    ended = {"on_trial": False, "running": False, "opening": False}
    _write(store, installed.model_copy(update={"model": installed.previous, **ended}))
    why = f"{installed.model} → {installed.previous}: the process ended while the new one was on trial"
    return Choice(path, told=(told("rolled_back", why),), rolled_back=True)


def _write(store: ModelStore, installed: Installed | None) -> None:
    try:
        store.write(installed)
    except OSError as error:
        raise ConfigError(
            f"model.json: {in_words(error)}: make [station] state_dir a writable folder, with space on its disk"
        ) from error


def told(what: str, detail: str, who: str = "") -> Event:
    """It goes to the log, for a person; to be written down whole."""
    by = f" by {who}" if who else ""
    log.warning("model %s%s: %s", what.replace("_", " "), by, shortened(detail), extra=about(Happening.MODEL))
    return Event("model", what, detail, who)
