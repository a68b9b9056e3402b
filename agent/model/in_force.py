"""The inspectors that parts are inspected by: the one in force, and those of parts that were announced before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

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
        self._announce: Callable[[Setup], Collection[Setup | None]] = lambda _: ()
        self._turn_to: Callable[[Segmenter], None] = lambda _: None
        self._inspectors: dict[Setup | None, Inspector] = {now.setup: now}
        """Oldest first."""
        self._newest: Inspector | None = None
        """The newest that a part came for."""
        self._lock = threading.Lock()

    def begin(
        self, announce: Callable[[Setup], Collection[Setup | None]], turn_to: Callable[[Segmenter], None]
    ) -> None:
        """`announce` has the parts carry another setup from now on, and says which ones those carry that are open.

        At once, in any thread.
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

    def standing(self) -> tuple[Inspector, Inspector | None]:
        """What is in force, and its fallback."""
        with self._lock:
            return self.now, self.fallback

    def proven(self) -> Inspector:
        """The one in force, or the one that it is to prove as good as."""
        now, fallback = self.standing()
        return fallback or now

    def frame_shape(self) -> tuple[int, ...] | None:
        """Of the newest part's frame, where frames are tiled; the golden images are none. None: nobody knows now."""
        newest = self._newest
        return newest.segmenter.frame_shape if newest else None

    def swap(self, new: Inspector, proven: Inspector) -> bool:
        """The parts from now on are inspected by `new`, on trial. False: another one is proven by now, and no swap."""
        with self._lock:
            if (self.fallback or self.now) is not proven:
                return False
            self.fallback = proven
            self._put(new)
            return True

    def exchange(
        self, standing: tuple[Inspector, Inspector | None], new: Inspector, fallback: Inspector | None
    ) -> bool:
        """Other recipes, the same models. False: it does not stand so any more, and nothing has changed."""
        with self._lock:
            if (self.now, self.fallback) != standing:
                return False
            self.fallback = fallback
            self._put(new)
            return True

    def end_trial(self, model: Segments) -> Inspector | None:
        """It has passed: the one that was kept for it. None: it was not in force any more."""
        with self._lock:
            if self.now.model is not model:
                return None
            kept, self.fallback = self.fallback, None
            return kept

    def withdraw(self, model: Segments) -> tuple[Inspector, Inspector] | None:
        """It has failed: its inspector, and what is in force now. Parts that were announced for it get NO_DECISION.

        Parts may have waited for it when another one came: that one goes on. None: it has gone before.
        """
        with self._lock:
            failed = [of for of in self._inspectors.values() if of.model is model]
            if not failed:
                return None
            self._inspectors = {setup: of for setup, of in self._inspectors.items() if of.model is not model}
            self._newest = None
            if self.now.model is model:
                back, self.fallback = self.fallback, None
                assert back is not None, "it was on trial"
                self._put(back)
            return failed[-1], self.now

    def _put(self, inspector: Inspector) -> None:
        self._inspectors.pop(inspector.setup, None)  # to the end
        self._inspectors[inspector.setup] = self.now = inspector
        waited_for = {inspector.setup, *self._announce(inspector.setup)}
        for setup in self._inspectors.keys() - waited_for:  # on a line that stands no part comes to retire them
            gone = self._inspectors.pop(setup)
            if gone is self._newest:
                self._newest = None  # or the loop would be the last to let go of it
            self._retire(gone)

    def _retire_before(self, inspector: Inspector) -> None:
        """Parts come in the order in which they were announced: nobody will ask for an older one.

        The inspector itself may be gone, if its part has expired in this very moment: it says nothing of the others.
        """
        with self._lock:
            if self._inspectors.get(inspector.setup) is not inspector:
                return
            for setup, older in list(self._inspectors.items()):
                if older is inspector:
                    return
                self._retire(self._inspectors.pop(setup))
