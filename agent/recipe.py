"""What counts as a defect: one TOML file a product, with a hash that appears in every result."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path

from pydantic import Field, model_validator

from agent.errors import ConfigError
from agent.toml import Strict, load_toml


class Action(StrEnum):
    """What a defect that meets its rule's limits does to the part."""

    REJECT = "reject"
    REJECT_AND_ALARM = "reject_and_alarm"
    IGNORE = "ignore"


class Zone(Strict):
    """A rectangle in the station's millimetres."""

    x_min_mm: float
    y_min_mm: float
    x_max_mm: float
    y_max_mm: float

    @model_validator(mode="after")
    def _has_an_inside(self) -> Zone:
        if self.x_min_mm >= self.x_max_mm or self.y_min_mm >= self.y_max_mm:
            raise ValueError(
                "no place lies in this zone: x_min_mm and y_min_mm have to be less than x_max_mm, y_max_mm"
            )
        return self

    def contains(self, x_mm: float, y_mm: float) -> bool:
        return self.x_min_mm <= x_mm <= self.x_max_mm and self.y_min_mm <= y_mm <= self.y_max_mm


class ClassRule(Strict):
    """Limits of one defect class; a region counts when it meets all of them."""

    min_score: float | None = Field(default=None, ge=0, le=1)
    """None: the threshold that the model file brings for this class."""
    min_area_mm2: float = Field(default=0.0, ge=0)
    min_length_mm: float = Field(default=0.0, ge=0)
    max_count: int = Field(default=0, ge=0)
    """So many counting regions are still tolerated."""
    zones: tuple[Zone, ...] = ()
    """Only regions with their centroid in one of these count; none = everywhere."""
    action: Action = Action.REJECT


NOT_FLAT = 1.0
"""A sharpness that a sensor's noise alone has; a picture of one grey has 0."""


class FrameLimits(Strict):
    """A photo outside these is no proof of anything: NO_DECISION(frame_quality).

    By default what no camera sees of a part: black, white, one grey. The product's own limits are narrower.
    """

    min_mean_grey: float = Field(default=5.0, ge=0, le=255)
    max_mean_grey: float = Field(default=250.0, ge=0, le=255)
    max_saturated: float = Field(default=0.5, ge=0, le=1)
    """Share of pixels at 255."""
    min_sharpness: float = Field(default=NOT_FLAT, ge=0)
    """Variance of the Laplacian (`linegate camera live` shows it); below it the photo is blurred. 0 = not checked."""

    @property
    def notices_blur(self) -> bool:
        """Has somebody set `min_sharpness` for this product?"""
        return self.min_sharpness > NOT_FLAT


class Recipe(Strict):
    """One product's rules."""

    name: str = Field(min_length=1)
    job: int = Field(ge=1, le=65535)
    """The number by which the PLC asks for this recipe."""
    frame: FrameLimits = FrameLimits()
    classes: dict[str, ClassRule]

    @property
    def sha256(self) -> str:
        """Hash of the rules themselves: comments and layout of the file do not change it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_recipes(own: Path, others: tuple[Path, ...]) -> dict[int, Recipe]:
    """By job number, the station's own first; ConfigError when two recipes have the same number."""
    recipes: dict[int, Recipe] = {}
    for path in (own, *others):
        recipe = load_recipe(path)
        if recipe.job in recipes:
            raise ConfigError(
                f"recipe {path}: job {recipe.job} is recipe '{recipes[recipe.job].name}' already: "
                "give each recipe a number of its own"
            )
        recipes[recipe.job] = recipe
    return recipes


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe; ConfigError names the file, the key and the remedy."""
    return load_toml(path, Recipe, "recipe")
