"""The inspectors that parts are inspected by: the one in force, and those of parts that were announced before."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.errors import NoDecision
from agent.inspection import Reason, Trigger
from agent.inspector import Inspector, Segments
from agent.segmenter import Segmenter
from agent.setup import Setup

WITHDRAWN = "its model was withdrawn before it was inspected"


class InForce:
    """`now` inspects the parts that are announced now. `fallback`: what comes back if it fails; None: nothing on trial.

    `retire` takes an inspector that nobody needs any more: it is freed elsewhere than in the loop.
    """

    def __init__(self, now: Inspector, fallback: Inspector | None, retire: Callable[[Inspector], None]) -> None:
        self.now, self.fallback, self._retire = now, fallback, retire
        self._announce: Callable[[Setup], None] = lambda _: None
        self._turn_to: Callable[[Segmenter], None] = lambda _: None
        self._inspectors: dict[Setup | None, Inspector] = {now.setup: now}
        """Oldest first."""
        self._newest: Inspector | None = None
        """The newest that a part came for."""
        self._lock = threading.Lock()

    def begin(self, announce: Callable[[Setup], None], turn_to: Callable[[Segmenter], None]) -> None:
        """`announce` has the parts carry another setup from now on; at once, in any thread.

        `turn_to` is told, in the loop, before the first part for another segmenter than the last one's.
        """
        self._announce, self._turn_to = announce, turn_to

    def of(self, trigger: Trigger) -> Inspector:
        """By what this part is inspected; in the loop, part after part. Raises NoDecision(MODEL_NOT_LOADED)."""
        inspector = self._inspectors.get(trigger.setup)
        if inspector is None:
            raise NoDecision(Reason.MODEL_NOT_LOADED, WITHDRAWN)
        if inspector is not self._newest:
            if self._newest is None or inspector.segmenter is not self._newest.segmenter:
                self._turn_to(inspector.segmenter)
            self._newest = inspector
            self._retire_before(inspector)
        return inspector

    def swap(self, new: Inspector, fallback: Inspector | None) -> None:
        """The parts from now on are inspected by `new`, on trial where there is a fallback."""
        with self._lock:
            self.fallback = fallback
            self._put(new)

    def exchange(self, now: Inspector, new: Inspector, fallback: Inspector | None) -> bool:
        """Other recipes, the same models. False: `now` is not in force any more, and nothing has changed."""
        with self._lock:
            if self.now is not now:
                return False
            self.fallback = fallback
            self._put(new)
            return True

    def proven(self) -> Inspector:
        """The one in force, or the one that it is to prove as good as."""
        with self._lock:
            return self.fallback or self.now

    def end_trial(self, model: Segments) -> Inspector | None:
        """It has passed: the one that was kept for it. None: it was not in force any more."""
        with self._lock:
            if self.now.model is not model:
                return None
            kept, self.fallback = self.fallback, None
            return kept

    def withdraw(self, model: Segments) -> tuple[Inspector, Inspector] | None:
        """It has failed: what was in force, and what is now. Parts that were announced for it get NO_DECISION.

        None: it was not in force any more.
        """
        with self._lock:
            failed, fallback = self.now, self.fallback
            if failed.model is not model or fallback is None:
                return None
            self._inspectors = {s: i for s, i in self._inspectors.items() if i.model is not model}
            self.fallback = None
            self._put(fallback)
            self._newest = None
            return failed, fallback

    def _put(self, inspector: Inspector) -> None:
        self._inspectors.pop(inspector.setup, None)  # to the end
        self._inspectors[inspector.setup] = self.now = inspector
        self._announce(inspector.setup)

    def _retire_before(self, inspector: Inspector) -> None:
        """Parts come in the order in which they were announced: nobody will ask for an older one."""
        with self._lock:
            for setup, older in list(self._inspectors.items()):
                if older is inspector:
                    return
                self._retire(self._inspectors.pop(setup))
