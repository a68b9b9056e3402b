"""A model and the station's recipes, open, checked and rehearsed: what a Setup says in names, ready to inspect by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from agent.config import Config
from agent.inspection import Image
from agent.judge import Calibration, Judge, Segmentation
from agent.model_contract import ModelContract
from agent.recipe import Recipe
from agent.segmenter import Segmenter
from agent.setup import Setup


@dataclass(frozen=True)
class Job:
    """One recipe, ready to judge by: a part is judged by the job that was selected when it was announced."""

    recipe: Recipe
    judge: Judge


class Segments(Protocol):
    """A model at work: by itself, or on trial."""

    def segment(self, image: Image) -> Segmentation:
        """As Segmenter.segment."""
        ...


@dataclass(frozen=True, eq=False)
class Inspector:
    """`model` is the segmenter itself, or that segmenter on trial."""

    segmenter: Segmenter
    model: Segments
    jobs: Mapping[int, Job]
    setup: Setup = field(init=False)

    def __post_init__(self) -> None:
        recipes = {number: (job.recipe.name, job.recipe.sha256) for number, job in self.jobs.items()}
        contract = self.segmenter.contract
        setup = Setup(self.segmenter.sha256, recipes, contract.classes, contract.precision)
        object.__setattr__(self, "setup", setup)

    def with_model(self, model: Segments) -> Inspector:
        """The same, its segmenter on trial."""
        return replace(self, model=model)


def open_inspector(config: Config, path: Path, recipes: Iterable[Recipe], calibration: Calibration) -> Inspector:
    """The model file at `path`, self-tested, with these recipes. Raises ConfigError."""
    segmenter = open_segmenter(config, path)
    jobs = jobs_of(recipes, calibration, segmenter.contract)
    for sample in segmenter.golden_images():  # the first part must not pay for OpenCV's first call
        segmentation = segmenter.segment(sample)
        for job in jobs.values():
            job.judge.judge(segmentation)
    return Inspector(segmenter, segmenter, jobs)


def open_segmenter(config: Config, path: Path) -> Segmenter:
    """As the station's file wants it, self-tested. Raises ConfigError."""
    model = config.model
    segmenter = Segmenter(path, model.provider, model.threads, model.tiling)
    segmenter.self_test()
    return segmenter


def jobs_of(recipes: Iterable[Recipe], calibration: Calibration, contract: ModelContract) -> dict[int, Job]:
    """By their numbers, for this model. ConfigError when one does not fit it."""
    return {recipe.job: Job(recipe, Judge(recipe, calibration, contract)) for recipe in recipes}
