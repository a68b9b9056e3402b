"""When a part has entered the view of a free-running camera: once for each part, and with its best frame. Pure.

What differs from the empty belt is a part. The empty belt is learned from the first views, follows slow changes of
light while it is empty, and is never what lies on it. A part is counted again only after the view was empty; so two
parts in the view at once are one, and the view must be larger than a part and shorter than the pitch. A view that has
changed as a whole may be another light or a part that fills it: light stays, a part moves on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.camera_config import PresenceConfig
from agent.inspection import Frame, Image

LEARN_VIEWS = 10
DRIFT_PER_S = 2.0
"""Grey levels a second by which the empty belt may change: light that fades, dust that settles."""
LONGEST_STEP_S = 0.5
EDGE_SHARE = 0.01
"""Of the view's edge a part may touch so much and still lie inside: noise."""
GROWTH = 0.01
FALL = 0.9
FILLS = 0.5
"""What differs in less of the view does not fill it."""
LIGHT_NS = 1_000_000_000
"""Another light stays for longer than this, a part that fills the view does not."""
SETTLED_NS = 300_000_000
"""A part that never lies inside has its best frame when it has not grown for so long, or shrinks."""

Levels = NDArray[np.floating[Any]]


class Presence:
    """Fed with every view in turn."""

    def __init__(self, config: PresenceConfig) -> None:
        self._config = config
        self._first_views: deque[Image] = deque(maxlen=LEARN_VIEWS)
        self._learned: Levels | None = None
        self._empty: Levels | None = None
        self._passage: Passage | None = None
        self._doubt: Doubt | None = None
        self._seen_ns = 0
        self.light_changes = 0
        """How often the whole view changed at once."""

    @property
    def learned(self) -> bool:
        """Is the empty belt known?"""
        return self._empty is not None

    def standing_s(self) -> float:
        """For how long there has been something in the view; 0 while it is empty."""
        return (self._seen_ns - self._passage.since_ns) / 1e9 if self._passage else 0.0

    def see(self, view: Image, frame: Frame) -> Frame | None:
        """`view`: uint8 HxW, always of one size, small, made of `frame`. Gives a part's frame, once each part."""
        elapsed_s = min(max(0.0, (frame.captured_ns - self._seen_ns) / 1e9), LONGEST_STEP_S)
        self._seen_ns = frame.captured_ns
        if self._empty is None:
            self._learn(view)
            return None
        settled = self._settle_doubt(view, frame)
        change = view - self._empty
        differs = np.asarray(cv2.medianBlur(self._differing(change).astype(np.uint8), 3), np.uint8)
        share = float(differs.mean())
        if share >= self._config.min_area and self._is_light(view):
            return settled or self._other_light(view, frame, share)
        if self._passage is None and share < self._config.min_area:
            self._empty += np.clip(change, -DRIFT_PER_S * elapsed_s, DRIFT_PER_S * elapsed_s)
            return settled
        if share < self._config.min_area / 2:
            return settled or self._leave()
        self._passage = self._passage or Passage(frame.captured_ns)
        return settled or self._passage.see(frame, share, _lies_inside(differs))

    def _other_light(self, view: Image, frame: Frame, share: float) -> Frame | None:
        """The view has changed everywhere alike: the empty belt from now on, and in doubt for LIGHT_NS."""
        assert self._empty is not None
        before, self._empty = self._empty, view.astype(np.float32)
        if self._doubt is None and share >= FILLS:
            filling = Passage(frame.captured_ns)
            filling.note(frame, self._share(view - before))
            self._doubt, self._passage = Doubt(before, filling, self._passage), None
            return None
        self.light_changes += self._doubt is None
        return self._leave()

    def _settle_doubt(self, view: Image, frame: Frame) -> Frame | None:
        """Where the belt is seen again as it was, a part has filled the view and moves on; else it is the light."""
        doubt = self._doubt
        if doubt is None:
            return None
        share = self._share(view - doubt.belt)
        if share < FALL * doubt.filling.best_share:
            self._doubt, self._empty, self._passage = None, doubt.belt, doubt.filling
            found = doubt.filling.end()
            return found if doubt.entering is None or doubt.entering.end() else None
        doubt.filling.note(frame, share)
        if frame.captured_ns - doubt.filling.since_ns < LIGHT_NS:
            return None
        self._doubt = None
        self.light_changes += 1
        return doubt.entering.end() if doubt.entering else None

    def _leave(self) -> Frame | None:
        passage, self._passage = self._passage, None
        return passage.end() if passage else None

    def _learn(self, view: Image) -> None:
        """The median of LEARN_VIEWS that are all alike: whatever moves meanwhile is not the empty belt."""
        self._first_views.append(view)
        median = np.median(np.stack(self._first_views), axis=0).astype(np.float32)
        alike = all(self._share(seen - median) < self._config.min_area / 2 for seen in self._first_views)
        if alike and len(self._first_views) == LEARN_VIEWS:
            self._learned, self._empty = median, median.copy()
            self._first_views.clear()

    def _is_light(self, view: Image) -> bool:
        """Is it the empty belt, brighter or darker as a whole? By factor or offset, from now or from the first."""
        for belt in (self._empty, self._learned):
            assert belt is not None
            brighter = np.clip(belt + np.median(view - belt), 0, 255)
            stronger = np.clip(belt * np.median(view / np.maximum(belt, 1)), 0, 255)
            if min(self._share(view - brighter), self._share(view - stronger)) < self._config.min_area:
                return True
        return False

    def _share(self, change: Levels) -> float:
        return float(self._differing(change).mean())

    def _differing(self, change: Levels) -> NDArray[np.bool_]:
        return np.asarray(np.abs(change) >= self._config.min_difference)


@dataclass
class Passage:
    """One part's way through the view, from its first sight on."""

    since_ns: int
    best_share: float = 0.0
    """Of the view, in the best frame."""
    _best: Frame | None = None
    _told: bool = False

    def note(self, frame: Frame, share: float, inside: bool = False) -> Frame:
        """The best frame with this one."""
        if self._best is None or inside or share > self.best_share + GROWTH:
            self._best, self.best_share = frame, share
        return self._best

    def see(self, frame: Frame, share: float, inside: bool) -> Frame | None:
        """The first frame in which it lies inside; of one that never does, that which shows most of it."""
        if self._told:
            return None
        best = self.note(frame, share, inside)
        settled = frame.captured_ns - best.captured_ns >= SETTLED_NS
        return self.end() if inside or settled or share < FALL * self.best_share else None

    def end(self) -> Frame | None:
        """Its best frame, unless that has been given already."""
        best = None if self._told else self._best
        self._told = True
        return best


@dataclass
class Doubt:
    """Another light, or a part that fills the view?"""

    belt: Levels
    """As it was before."""
    filling: Passage
    """If it is a part: its way through the view from then on."""
    entering: Passage | None
    """What was in the view before."""


def _lies_inside(differs: Image) -> bool:
    edge = np.concatenate([differs[0], differs[-1], differs[1:-1, 0], differs[1:-1, -1]])
    return float(edge.mean()) <= EDGE_SHARE
