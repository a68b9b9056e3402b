"""Class map → defects in millimetres → verdict, by the recipe. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, cos, radians, sin

import cv2
import numpy as np

from agent.errors import ConfigError
from agent.inspection import Defect, Image, Judgement, Reason, Verdict
from agent.model_contract import ModelContract
from agent.preprocess import Letterbox
from agent.recipe import Action, Recipe


@dataclass(frozen=True)
class Calibration:
    """Image pixels → the robot's millimetres: scale, then rotation about the image origin, then offset."""

    x_mm_per_px: float
    y_mm_per_px: float
    origin_x_mm: float = 0.0
    origin_y_mm: float = 0.0
    rotation_deg: float = 0.0

    def to_robot(self, x_px: float, y_px: float) -> tuple[float, float]:
        """A point of the image, in the robot frame."""
        x_mm, y_mm = x_px * self.x_mm_per_px, y_px * self.y_mm_per_px
        turn = radians(self.rotation_deg)
        return (
            self.origin_x_mm + x_mm * cos(turn) - y_mm * sin(turn),
            self.origin_y_mm + x_mm * sin(turn) + y_mm * cos(turn),
        )


@dataclass(frozen=True)
class Segmentation:
    """The segmenter's answer for one frame: uint8 HxW maps in model pixels, and where the image lies in them."""

    class_map: Image
    score_map: Image
    box: Letterbox
    run_ms: float = 0.0
    """The bare run of the model."""


SPECKS_LISTED = 8
"""Regions below their rule's area cannot count; so many of each class are measured all the same, for the eye."""


class Judge:
    """Applies one recipe to segmentations of one model.

    Raises ConfigError when the recipe names a class that the model does not know or leaves one out:
    a defect without a rule would pass unseen.
    """

    def __init__(self, recipe: Recipe, calibration: Calibration, contract: ModelContract) -> None:
        missing = set(contract.defect_classes) ^ set(recipe.classes)
        if missing:
            raise ConfigError(
                f"recipe '{recipe.name}' and model disagree about class {', '.join(sorted(missing))}: "
                f"give a rule for each of {', '.join(contract.defect_classes)} and no other"
            )
        self._classes = contract.classes
        self._index = {name: index for index, name in enumerate(contract.classes) if index}
        self._rules = recipe.classes
        self._calibration = calibration
        self._min_scores = {
            name: contract.thresholds[name] if rule.min_score is None else rule.min_score
            for name, rule in recipe.classes.items()
        }
        self._threshold_by_index = np.full(256, 255, np.uint8)
        for index, name in enumerate(contract.defect_classes, start=1):
            # a threshold of 0 would make the whole part a defect; 1/255 is the least score there is
            self._threshold_by_index[index] = max(1, round(self._min_scores[name] * 255))

    def judge(self, segmentation: Segmentation) -> Judgement:
        """PASS, or REJECT with the defects that caused it; small or ignored ones are listed too."""
        classes = segmentation.class_map[segmentation.box.inside]
        scores = segmentation.score_map[segmentation.box.inside]
        over = scores >= cv2.LUT(classes, self._threshold_by_index)
        defects = self._defects(classes, scores, over, segmentation.box) if over.any() else ()
        actions = self._actions(defects)
        rejected = bool(actions - {Action.IGNORE})
        tails = _tails(classes, scores, len(self._classes))
        return Judgement(
            Verdict.REJECT if rejected else Verdict.PASS,
            Reason.DEFECT if rejected else Reason.OK,
            defects,
            alarm=Action.REJECT_AND_ALARM in actions,
            peak_scores={name: self._score_reached(tails, name, 1) for name in self._index},
            margin=self._margin(tails, segmentation.box),
        )

    def mask(self, segmentation: Segmentation, height_px: int, width_px: int) -> Image:
        """uint8, of the image's own size: class index where a score reaches its threshold, else 0."""
        classes, scores = (plane[segmentation.box.inside] for plane in (segmentation.class_map, segmentation.score_map))
        mask = np.where(scores >= cv2.LUT(classes, self._threshold_by_index), classes, 0)
        return np.asarray(cv2.resize(mask, (width_px, height_px), interpolation=cv2.INTER_NEAREST), np.uint8)

    def _defects(self, classes: Image, scores: Image, over: np.ndarray, box: Letterbox) -> tuple[Defect, ...]:
        """Connected regions of one class each, the largest first; only the window that holds any is searched."""
        left, top, width, height = cv2.boundingRect(over.view(np.uint8))
        window = np.s_[top : top + height, left : left + width]
        classes, scores, over = classes[window], scores[window], over[window]
        corner = left + box.left_px, top + box.top_px
        found = [
            defect
            for index in np.unique(classes[over])
            for defect in self._regions(int(index), (over & (classes == index)).view(np.uint8), scores, corner, box)
        ]
        return tuple(sorted(found, key=lambda defect: -defect.area_mm2))

    def _regions(
        self, index: int, mask: Image, scores: Image, corner: tuple[int, int], box: Letterbox
    ) -> Iterator[Defect]:
        _, labels, stats, centroids = cv2.connectedComponentsWithStats(mask, connectivity=8)
        areas_px = stats[1:, cv2.CC_STAT_AREA]
        large = int((areas_px * self._mm2_per_px(box) >= self._rules[self._classes[index]].min_area_mm2).sum())
        for label in np.argsort(-areas_px)[: large + SPECKS_LISTED] + 1:
            left, top, width, height = (int(value) for value in stats[label, :4])
            window = np.s_[top : top + height, left : left + width]
            centre = float(centroids[label, 0]) + corner[0], float(centroids[label, 1]) + corner[1]
            inside = (labels[window] == label).view(np.uint8)
            yield self._measure(self._classes[index], inside, scores[window], centre, box)

    def _measure(self, name: str, inside: Image, scores: Image, centre: tuple[float, float], box: Letterbox) -> Defect:
        x_mm, y_mm = self._calibration.to_robot(*box.to_image(*centre))
        scale_x, scale_y = self._calibration.x_mm_per_px / box.scale, self._calibration.y_mm_per_px / box.scale
        area_mm2 = cv2.countNonZero(inside) * scale_x * scale_y
        length_mm = _length_mm(inside, scale_x, scale_y)
        score = cv2.minMaxLoc(scores, mask=inside)[1] / 255
        rule = self._rules[name]
        counts = (
            area_mm2 >= rule.min_area_mm2
            and length_mm >= rule.min_length_mm
            and (not rule.zones or any(zone.contains(x_mm, y_mm) for zone in rule.zones))
        )
        return Defect(name, score, area_mm2, length_mm, x_mm, y_mm, counts)

    def _actions(self, defects: tuple[Defect, ...]) -> set[Action]:
        """The actions of all rules with more counting regions than they tolerate."""
        return {rule.action for name, rule in self._rules.items() if _counting(defects, name) > rule.max_count}

    def _margin(self, tails: np.ndarray, box: Letterbox) -> float | None:
        """How far the class that matters and lies nearest to its threshold is from it; None: no class matters.

        By the score that as many pixels reach as its rule asks for: fewer cannot make a defect of it, nor undo one.
        """
        mm2_per_px = self._mm2_per_px(box)
        distances = (
            abs(self._score_reached(tails, name, max(1, ceil(rule.min_area_mm2 / mm2_per_px))) - self._min_scores[name])
            for name, rule in self._rules.items()
            if rule.action is not Action.IGNORE
        )
        return min((round(distance, 3) for distance in distances), default=None)

    def _score_reached(self, tails: np.ndarray, name: str, area_px: int) -> float:
        """The highest score that so many pixels of the class reach, 0 when there are not so many of it."""
        reached = int(np.count_nonzero(tails[self._index[name]] >= area_px))  # of the scores 0 … 255, the lowest ones
        return round(max(0, reached - 1) / 255, 3)

    def _mm2_per_px(self, box: Letterbox) -> float:
        return self._calibration.x_mm_per_px * self._calibration.y_mm_per_px / box.scale**2


def _tails(classes: Image, scores: Image, count: int) -> np.ndarray:
    """[class, score] → how many pixels of the class have at least this score; `count` classes, background included."""
    histogram = cv2.calcHist([classes, scores], [0, 1], None, [count, 256], [0, count, 0, 256])
    return np.asarray(histogram[:, ::-1].astype(np.int64).cumsum(axis=1)[:, ::-1])


def _counting(defects: tuple[Defect, ...], name: str) -> int:
    return sum(defect.counts and defect.name == name for defect in defects)


def _length_mm(inside: Image, scale_x: float, scale_y: float) -> float:
    """Longer side of the smallest rectangle around the region, in mm; a pixel has its own size."""
    outline = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0][0]
    points = outline.reshape(-1, 2).astype(np.float32) * np.array([scale_x, scale_y], np.float32)
    return float(max(cv2.minAreaRect(points)[1])) + max(scale_x, scale_y)
