"""Another model or other recipes for a running station: checked beside it, swapped in between two parts.

A thread of its own does it, one order after the other; each try, and what came of it, is written down.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

from agent.config import Config
from agent.errors import ConfigError, Fault, LinegateError, first_line, in_words
from agent.event import Event
from agent.inspector import Inspector, open_inspector
from agent.log.about import about
from agent.log.happening import Happening
from agent.memory import give_back
from agent.model.allowance import Allowance
from agent.model.choice import Choice, opening_is_over, told
from agent.model.in_force import InForce
from agent.model.recipes import exchange_recipes
from agent.model.store import SHA256, Installed, ModelStore
from agent.model.trial import TRIAL_PARTS, OnTrial
from agent.model.try_out import try_out
from agent.plc.arm.open_arm import check_lanes
from agent.plc.register_map import Alarm
from agent.raised import Raised
from agent.recipe import load_recipes
from agent.segmenter import Segmenter
from agent.setup import Setup
from agent.view import View
from agent.worker import CLOSE_S, Worker

log = logging.getLogger(__name__)

LET_GO_S = 0.1


class Changeover:
    """Opens the model that the choice names, and the one before it where that is on trial still. ConfigError.

    Its thread runs from `begin` on, when there are parts, a journal and a link to tell; close it when done.
    """

    def __init__(self, config: Config, view: View, store: ModelStore, choice: Choice) -> None:
        self._config, self._store, self._choice = config, store, choice
        self.allowance = Allowance(config.trigger, config.has_plc)
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._trying = ""  # the model
        self._reload_due = self._inspecting = False
        self._shape: tuple[int, ...] | None = None
        """Of the frames, as far as it was known last."""
        self._recording = threading.Lock()
        """What is in force stays so until model.json says it."""
        try:
            self._calibration = view.calibration(config.calibration)
            recipes = load_recipes(config.recipe, config.other_recipes).values()
            first = open_inspector(config, choice.path, recipes, self._calibration)
            previous = open_inspector(config, choice.previous, recipes, self._calibration) if choice.previous else None
        except ConfigError:  # told, and the station stays down; a Fault comes again: twice, and the one before is back
            opening_is_over(store)
            raise
        opening_is_over(store)
        if previous:
            allowed_ms, _ = self.allowance.strictest()
            first = first.with_model(OnTrial(first.segmenter, allowed_ms, self._trial_over))
        self.in_force = InForce(first, previous, self._retire)
        self._tell: Callable[[Event], None] = lambda _: None
        self._raised = Raised()
        self._worker = Worker("changeover", self._work_forever)

    def begin(self, announce: Callable[[Setup], Collection[Setup | None]], turn_to: Callable[[Segmenter], None],
              tell: Callable[[Event], None], raised: Raised) -> None:  # fmt: skip
        """`announce`, `turn_to`: as InForce.begin has it. `tell` writes an event down."""
        self._tell, self._raised = tell, raised
        self.in_force.begin(announce, turn_to)
        for event in self._choice.told:
            tell(event)
        if self._choice.rolled_back:
            raised.add(Alarm.MODEL)
        self._worker.start()

    def install(self, sha256: str, who: str) -> str:
        """Begin with it; what was done so far, for a person. Raises Fault when it cannot be begun."""
        if not re.fullmatch(SHA256, sha256) or not self._store.has(sha256):
            raise Fault(f"no model '{sha256[:64]}' in {self._store.folder}: give its file to linegate model install")
        if self._worker.ending.is_set():
            raise Fault("the station ends")
        if self._trying:
            raise Fault(f"model {self._trying[:12]} is being tried: wait until something has come of it")
        if self.in_force.now.setup.model_sha256 == sha256:
            raise Fault(f"model {sha256[:12]} is in use already")
        self._trying = sha256
        self._work.put(lambda: self._install(sha256, who))
        return f"model {sha256[:12]} accepted: it is being tried"

    def reload(self) -> None:
        """Read the recipes again, once for all who have asked; takes no time, in a signal handler too."""
        self._reload_due = True
        self._work.put(self._reload)

    def parts_come(self) -> None:
        """From now on a process that ends without `ended` has died of the model on trial. Raises LinegateError."""
        self._inspecting = True
        self._record()

    def close(self, within_s: float = CLOSE_S) -> None:
        """What is being tried is left."""
        self._worker.ending.set()
        self._work.put(None)
        self._worker.close(within_s)

    def ended(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The station ends; in good order the trial goes on with the next start."""
        self._inspecting = self._inspecting and kind is not None
        self._recorded()

    # --- the thread ----------------------------------------------------------------------------------------------

    def _work_forever(self) -> None:
        """At the end what has happened is still written down; nothing new is begun."""
        while (work := self._work.get()) is not None:
            work()
            del work  # with what it holds

    def _reload(self) -> None:
        if self._reload_due and not self._worker.ending.is_set():
            self._reload_due = False
            exchange_recipes(self._config, self._calibration, self.in_force, self._tell)

    def _install(self, sha256: str, who: str) -> None:
        try:
            self._say("trying", f"{sha256} beside {self.in_force.now.setup.model_sha256}", who)
            self._swap(sha256, who, *self._opened(sha256))
        except LinegateError as error:
            now = self.in_force.now.setup.model_sha256
            self._say("refused", f"{sha256}: {error}: {now} goes on", who)
        finally:
            self._trying = ""

    def _opened(self, sha256: str) -> tuple[Inspector, float]:
        """It is fit for use here; and the ms that a frame's runs may take. Raises LinegateError."""
        path, shape = self._store.path_of(sha256), self.in_force.frame_shape() or self._shape
        self._shape = shape
        allowed_ms, by = self.allowance.strictest()
        took_ms = try_out(path, self._config.model, shape, self._worker.ending, self._reload)
        _require_time(took_ms, allowed_ms, by)
        new = self._open(path)
        _require_time(new.segmenter.expected_ms(shape), allowed_ms, by)
        return new.with_model(OnTrial(new.segmenter, allowed_ms, self._trial_over)), allowed_ms

    def _open(self, path: Path) -> Inspector:
        try:
            recipes = [job.recipe for job in self.in_force.now.jobs.values()]
            new = open_inspector(self._config, path, recipes, self._calibration)
            check_lanes(self._config.reject, new.segmenter.contract.defect_classes)
            return new
        except LinegateError:
            raise
        except Exception as error:  # whatever the runtime raises: with two models on a GPU its memory may be too small
            raise ConfigError(f"it cannot be opened beside the one in use: {first_line(error)}") from error

    def _swap(self, sha256: str, who: str, new: Inspector, allowed_ms: float) -> None:
        proven = self._in_place_of_proven(sha256, new)
        old, old_ms = proven.setup.model_sha256, proven.segmenter.bare_ms
        self._say(
            "swapped",
            f"{sha256} in place of {old}: a run takes {new.segmenter.bare_ms:.1f} ms, of the old one "
            f"{old_ms:.1f} ms; a part may take {allowed_ms:.1f} ms; on trial for {TRIAL_PARTS} parts",
            who,
        )
        self._clear()

    def _in_place_of_proven(self, sha256: str, new: Inspector) -> Inspector:
        configured = self._store.configured()
        with self._recording:
            while True:
                if self._worker.ending.is_set():
                    raise Fault("the station ends")
                proven = self.in_force.proven()
                old, running = proven.setup.model_sha256, self._inspecting
                now = Installed(model=sha256, previous=old, configured=configured, on_trial=True, running=running)
                try:
                    self._store.write(now)
                except OSError as error:
                    raise Fault(f"a restart would not know of it: {in_words(error)}") from error
                if self.in_force.swap(new, proven):
                    return proven

    def _trial_over(self, model: OnTrial, why_not: str) -> None:
        """In the loop: the old model is back at once; what can wait is left to the thread."""
        if why_not:
            if changed := self.in_force.withdraw(model):
                failed, now = (inspector.setup.model_sha256 for inspector in changed)
                self._raised.add(Alarm.MODEL)
                self._work.put(lambda: self._settled("rolled_back", f"{failed} → {now}: {why_not}"))
                self._retire(changed[0])
        elif kept := self.in_force.end_trial(model):
            why = f"{model.segmenter.sha256}: its first {TRIAL_PARTS} parts were as they must be"
            self._work.put(lambda: self._settled("kept", why))
            self._retire(kept)

    def _settled(self, what: str, detail: str) -> None:
        self._say(what, detail)
        self._recorded()
        self._clear()

    def _recorded(self) -> None:
        try:
            self._record()
        except LinegateError as error:  # parts are inspected all the same
            log.error("%s", error, extra=about(Happening.MODEL))

    def _record(self) -> None:
        """model.json says what is in force. Raises LinegateError: it cannot be read, or be written."""
        with self._recording:
            installed = self._store.read()
            if installed is None:
                return
            now, fallback = self.in_force.standing()
            on_trial = fallback is not None
            stands = {"model": now.setup.model_sha256, "on_trial": on_trial, "running": on_trial and self._inspecting}
            try:
                if (recorded := installed.model_copy(update=stands)) != installed:
                    self._store.write(recorded)
            except OSError as error:
                raise Fault(
                    f"model.json: {in_words(error)}: a restart may take another model than the one in force"
                ) from error

    def _clear(self) -> None:
        try:
            installed = self._store.read()
            self._store.clear({installed.model, installed.previous} if installed else ())
        except (OSError, ConfigError) as error:
            log.warning("old model files are still there: %s", error, extra=about(Happening.MODEL))

    def _retire(self, inspector: Inspector) -> None:
        """It is freed in the thread, not between two parts."""
        self._work.put(lambda: self._forget(inspector))
        self._work.put(give_back)

    def _forget(self, inspector: Inspector) -> None:
        """As the last that knows of it: the loop may be about to let go."""
        self._worker.ending.wait(LET_GO_S)

    def _say(self, what: str, detail: str, who: str = "") -> None:
        self._tell(told(what, detail, who))


def _require_time(took_ms: float, allowed_ms: float, by: str) -> None:
    if took_ms > allowed_ms:
        raise ConfigError(
            f"it is too slow: a part takes {took_ms:.1f} ms here, {allowed_ms:.1f} ms are left for it ({by})"
        )
