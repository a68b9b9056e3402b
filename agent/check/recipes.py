"""Recipes against the model and the view: a rule for each class, and none that can never count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from agent.check.problems import Problems
from agent.complaint import unknown
from agent.config import Config
from agent.judge import Calibration
from agent.model_contract import ModelContract
from agent.preprocess import fit
from agent.recipe import Action, ClassRule, Recipe
from agent.toml import TomlFile

Read = list[tuple[TomlFile, Recipe]]


def read_recipes(paths: dict[str, Path], problems: Problems) -> Read:
    """Those that are sound by themselves. `paths`: by their key, all of them there."""
    read: Read = []
    for key, path in paths.items():
        with problems.at(key):
            file = TomlFile(path, "recipe")
            try:
                read.append((file, file.validated(Recipe)))
            except ValidationError as error:
                for problem in file.mistakes(Recipe, error):
                    problems.add(problem)
    _check_jobs(read, problems)
    return read


def _check_jobs(read: Read, problems: Problems) -> None:
    taken: dict[int, TomlFile] = {}
    for file, recipe in read:
        first = taken.setdefault(recipe.job, file)
        if first.path.resolve() == file.path.resolve() and first is not file:
            problems.error("other_recipes", f"{file.path} is named twice: name it once")
        elif first is not file:
            problems.error("job", f"job = {recipe.job} is that of {first.path} already: give it its own", file)


def check_rules(file: TomlFile, recipe: Recipe, contract: ModelContract, problems: Problems) -> None:
    """Every class of the model has its rule, and no other has; something can be rejected."""
    for name in recipe.classes:
        if name not in contract.defect_classes:
            complaint = unknown("class", f"classes.{name}", contract.defect_classes)
            problems.error(f"classes.{name}", f"{complaint}: the model does not find it", file)
    for name in contract.defect_classes:
        if name not in recipe.classes:
            problems.error(
                "classes", f"no rule for the model's class '{name}': its defects would pass; add [classes.{name}]", file
            )
    if all(rule.action is Action.IGNORE for rule in recipe.classes.values()):
        problems.warn("classes", "every class has action = 'ignore': no part is ever rejected", file)
    if not recipe.frame.notices_blur:
        problems.warn(
            "frame.min_sharpness",
            f"recipe {recipe.name}: frame.min_sharpness = {recipe.frame.min_sharpness:g} notices no blur: set half "
            "of what `linegate camera live` shows of good parts",
            file,
        )
    for name, rule in recipe.classes.items():
        if rule.min_score == 0:
            problems.warn(
                f"classes.{name}.min_score", "0 takes every pixel of the class for a defect: leave it out", file
            )


def check_sizes(
    file: TomlFile, recipe: Recipe, config: Config, contract: ModelContract, size_px: tuple[int, int],
    calibration: Calibration, problems: Problems,
) -> None:  # fmt: skip
    """No rule asks for more than the view holds, or for less than the model can see. `size_px`: width, height."""
    width_px, height_px = size_px
    width_mm, height_mm = width_px * calibration.x_mm_per_px, height_px * calibration.y_mm_per_px
    scale = config.model.tiling.scale if config.model.tiling else fit(height_px, width_px, contract.input).scale
    pixel_mm2 = calibration.x_mm_per_px * calibration.y_mm_per_px / scale**2
    for name, rule in recipe.classes.items():
        for key, complaint in _never(rule, width_mm, height_mm):
            problems.warn(f"classes.{name}.{key}", f"{complaint}: no defect can ever count; make it smaller", file)
        if rule.zones and not any(_in_view(zone_corners, size_px, calibration) for zone_corners in _zones(rule)):
            problems.warn(
                f"classes.{name}.zones", "none lies in the view, in the robot's millimetres: no defect can count", file
            )
        if 0 < rule.min_area_mm2 < pixel_mm2:
            problems.warn(
                f"classes.{name}.min_area_mm2",
                f"{rule.min_area_mm2:g} mm² is less than one pixel of the image as the model sees it, {pixel_mm2:.3g} "
                "mm²: such a defect may not be seen; cut the image into patches ([model] tiling) or inspect less of it",
                file,
            )


def _never(rule: ClassRule, width_mm: float, height_mm: float) -> Iterator[tuple[str, str]]:
    if rule.min_area_mm2 > width_mm * height_mm:
        yield "min_area_mm2", f"{rule.min_area_mm2:g} mm² is more than the view has, {width_mm * height_mm:.4g} mm²"
    diagonal_mm = (width_mm**2 + height_mm**2) ** 0.5
    if rule.min_length_mm > diagonal_mm:
        yield "min_length_mm", f"{rule.min_length_mm:g} mm is longer than the view, {diagonal_mm:.4g} mm"


Corners = tuple[float, float, float, float]


def _zones(rule: ClassRule) -> Iterator[Corners]:
    return ((zone.x_min_mm, zone.y_min_mm, zone.x_max_mm, zone.y_max_mm) for zone in rule.zones)


def _in_view(zone: Corners, size_px: tuple[int, int], calibration: Calibration) -> bool:
    """Does the zone touch the rectangle around the view, both in the robot's axes? Doubtful cases are in."""
    corners = [calibration.to_robot(x_px, y_px) for x_px in (0, size_px[0]) for y_px in (0, size_px[1])]
    (left, right), (top, bottom) = ((min(axis), max(axis)) for axis in zip(*corners, strict=True))
    return bool(zone[0] <= right and zone[2] >= left and zone[1] <= bottom and zone[3] >= top)
