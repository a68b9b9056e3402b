"""Another model or other recipes for a running station: checked beside it, swapped in between two parts.

A thread of its own does it, one order after the other; each try, and what came of it, is written down.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

from agent.config import Config
from agent.errors import ConfigError, Fault, LinegateError, in_words
from agent.event import Event
from agent.inspector import Inspector, inspector_of, jobs_of, open_inspector, open_segmenter
from agent.log.about import about
from agent.log.happening import Happening
from agent.memory import give_back
from agent.model.allowance import Allowance
from agent.model.choice import Choice
from agent.model.in_force import InForce
from agent.model.recipes import exchange_recipes
from agent.model.store import SHA256, Installed, ModelStore, shortened
from agent.model.trial import TRIAL_PARTS, OnTrial
from agent.model.try_out import try_out
from agent.plc.arm.open_arm import check_lanes
from agent.plc.register_map import Alarm
from agent.raised import Raised
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
        self._config, self._view, self._store, self._choice = config, view, store, choice
        self._calibration = view.calibration(config.calibration)
        self.allowance = Allowance(config.trigger, config.has_plc)
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._trying = ""
        """The model that is being tried."""
        first = open_inspector(config, choice.path, view)
        previous = open_inspector(config, choice.previous, view) if choice.previous else None
        if previous:
            allowed_ms, _ = self.allowance.strictest()
            first = first.with_model(OnTrial(first.segmenter, allowed_ms, self._trial_over))
        self.in_force = InForce(first, previous, self._retire)
        self._tell: Callable[[Event], None] = lambda _: None
        self._raised = Raised()
        self._worker = Worker("changeover", self._work_forever)

    def begin(self, announce: Callable[[Setup], None], turn_to: Callable[[Segmenter], None],
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
        if not re.fullmatch(SHA256, sha256) or not self._store.stored(sha256).is_file():
            raise Fault(f"no model '{sha256[:64]}' in {self._store.folder}: give its file to linegate model install")
        if self._trying:
            raise Fault(f"model {self._trying[:12]} is being tried: wait until something has come of it")
        if self.in_force.now.setup.model_sha256 == sha256:
            raise Fault(f"model {sha256[:12]} is in use already")
        self._trying = sha256
        self._work.put(lambda: self._install(sha256, who))
        return f"model {sha256[:12]} accepted: it is being tried"

    def reload(self) -> None:
        """Read the recipes again; takes no time, in a signal handler too."""
        self._work.put(lambda: exchange_recipes(self._config, self._calibration, self.in_force, self._tell))

    def close(self, within_s: float = CLOSE_S) -> None:
        """What is being tried is left."""
        self._work.put(None)
        self._worker.close(within_s)

    def ended(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The station ends; in good order the trial goes on with the next start."""
        installed = self._store.read() if kind is None and self.in_force.fallback else None
        if installed:
            self._written(installed.model_copy(update={"running": False}))

    # --- the thread ----------------------------------------------------------------------------------------------

    def _work_forever(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # with what it holds

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
        path, shape = self._store.path_of(sha256), self.in_force.now.segmenter.frame_shape
        allowed_ms, by = self.allowance.strictest()
        _require_time(try_out(path, self._config.model, shape, self._worker.ending), allowed_ms, by)
        new = self._open(path)
        _require_time(new.segmenter.expected_ms(shape), allowed_ms, by)
        return new.with_model(OnTrial(new.segmenter, allowed_ms, self._trial_over)), allowed_ms

    def _open(self, path: Path) -> Inspector:
        try:
            segmenter = open_segmenter(self._config, path)
            check_lanes(self._config.reject, segmenter.contract.defect_classes)
            recipes = [job.recipe for job in self.in_force.now.jobs.values()]
            return inspector_of(segmenter, jobs_of(recipes, self._calibration, segmenter.contract))
        except LinegateError:
            raise
        except Exception as error:  # whatever the runtime raises: with two models on a GPU its memory may be too small
            raise ConfigError(f"it cannot be opened beside the one in use: {str(error).splitlines()[0]}") from error

    def _swap(self, sha256: str, who: str, new: Inspector, allowed_ms: float) -> None:
        proven = self.in_force.proven()
        old, configured = proven.setup.model_sha256, self._store.configured()
        try:
            self._store.write(Installed(model=sha256, previous=old, configured=configured, on_trial=True, running=True))
        except OSError as error:
            raise Fault(f"a restart would not know of it: {in_words(error)}") from error
        self.in_force.swap(new, proven)
        self._say(
            "swapped",
            f"{sha256} in place of {old}: a run takes {new.segmenter.bare_ms:.1f} ms, of the old one "
            f"{proven.segmenter.bare_ms:.1f} ms; a part may take {allowed_ms:.1f} ms; on trial for {TRIAL_PARTS} parts",
            who,
        )
        self._clear()

    def _trial_over(self, model: OnTrial, why_not: str) -> None:
        """In the loop: the old model is back at once; what can wait is left to the thread."""
        if why_not:
            if changed := self.in_force.withdraw(model):
                failed, now = (inspector.setup.model_sha256 for inspector in changed)
                self._raised.add(Alarm.MODEL)
                self._work.put(lambda: self._settled("rolled_back", f"{failed} → {now}: {why_not}", failed, now))
                self._retire(changed[0])
        elif kept := self.in_force.end_trial(model):
            sha256 = model.segmenter.sha256
            why = f"{sha256}: its first {TRIAL_PARTS} parts were as they must be"
            self._work.put(lambda: self._settled("kept", why, sha256, sha256))
            self._retire(kept)

    def _settled(self, what: str, detail: str, tried: str, sha256: str) -> None:
        self._say(what, detail)
        installed = self._store.read()
        if installed and installed.model == tried:  # else the next one is on trial by now
            self._written(installed.model_copy(update={"model": sha256, "on_trial": False, "running": False}))
        self._clear()

    def _written(self, installed: Installed) -> None:
        try:
            self._store.write(installed)
        except OSError as error:
            log.error("model.json: %s: a restart goes back to model %s", in_words(error), installed.previous[:12])

    def _clear(self) -> None:
        installed = self._store.read()
        keep = {installed.model, installed.previous} if installed else set()
        try:
            self._store.clear(keep)
        except OSError as error:
            log.warning("old model files are still there: %s", in_words(error))

    def _retire(self, inspector: Inspector) -> None:
        """It is freed in the thread, not between two parts."""
        self._work.put(lambda: _forget(inspector))
        self._work.put(give_back)

    def _say(self, what: str, detail: str, who: str = "") -> None:
        by = f" by {who}" if who else ""
        log.warning("model %s%s: %s", what.replace("_", " "), by, shortened(detail), extra=about(Happening.MODEL))
        self._tell(Event("model", what, detail, who))


def _forget(inspector: Inspector) -> None:
    """As the last that knows of it: the loop may be about to let go."""
    time.sleep(LET_GO_S)


def _require_time(took_ms: float, allowed_ms: float, by: str) -> None:
    if took_ms > allowed_ms:
        raise ConfigError(
            f"it is too slow: a part takes {took_ms:.1f} ms here, {allowed_ms:.1f} ms are left for it ({by})"
        )
