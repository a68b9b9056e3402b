"""What the network sees: endless varied samples to train on, fixed ones to measure on. All photos stay in memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from agent.errors import ConfigError
from agent.inspection import Image
from agent.model_contract import InputSpec
from agent.preprocess import letterbox, letterbox_mask
from agent.procedural import DEFECT_CLASSES, render_any_size
from trainer.augment import Augment
from trainer.params import Params
from trainer.pasting import paste_defect
from trainer.split_table import Row
from trainer.tiles import GOOD, read_mask, read_photo


@dataclass(frozen=True)
class Sample:
    """One photo in memory with its truth."""

    name: str
    label: str
    image: Image
    mask: Image


def load_samples(rows: list[Row], classes: tuple[str, ...]) -> list[Sample]:
    return [Sample(str(row.path), row.label, read_photo(row.tile), read_mask(row.tile, classes)) for row in rows]


def with_truth(rows: list[Row]) -> list[Row]:
    """Photos whose mask tells the truth: an empty one of a defect class would teach the opposite."""
    return [row for row in rows if row.label == GOOD or row.defect_px]


def procedural_samples(seed: int, count: int, classes: tuple[str, ...]) -> list[Sample]:
    """`count` tiles, all kinds in turn; the same for the same seed."""
    check_procedural(classes)
    kinds = (GOOD, *classes)
    generators = (np.random.default_rng((seed, i)) for i in range(count))
    return [_procedural(rng, f"procedural {i}", kinds[i % len(kinds)]) for i, rng in enumerate(generators)]


def _procedural(rng: np.random.Generator, name: str, kind: str) -> Sample:
    return Sample(name, kind, *render_any_size(rng, kind))


def check_procedural(classes: tuple[str, ...]) -> None:
    if classes != DEFECT_CLASSES:
        raise ConfigError(
            f"params.yaml classes {classes} are not those of the procedural tiles {DEFECT_CLASSES}: "
            "set sampling.procedural_share and evaluate.procedural_tiles to 0"
        )


class TrainingTiles(Dataset[tuple[Tensor, Tensor]]):
    """Sample i is the same in every run, whatever the workers."""

    def __init__(self, samples: list[Sample], params: Params) -> None:
        self._params = params
        self._augment = Augment(params.augment)
        self._by_label: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self._by_label[sample.label].append(sample)
        missing = {GOOD, *params.classes} - set(self._by_label)
        if missing:
            raise ConfigError(f"no training photo shows {', '.join(sorted(missing))}: check data and split")
        if params.sampling.procedural_share:
            check_procedural(params.classes)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self._params.train.seed, index))
        return to_tensors(*self._augment(rng, *self._draw(rng)), self._params.input)

    def _draw(self, rng: np.random.Generator) -> tuple[Image, Image]:
        share = self._params.sampling
        good = rng.random() < share.good_share
        label = GOOD if good else str(rng.choice(self._params.classes))
        if rng.random() < share.procedural_share:
            tile = _procedural(rng, "", label)
            return tile.image, tile.mask
        sample = self._any(rng, label)
        if not good and rng.random() < share.paste_share:
            pasted = paste_defect(rng, sample.image, sample.mask, self._any(rng, GOOD).image)
            if pasted is not None:
                return pasted
        return sample.image, sample.mask

    def _any(self, rng: np.random.Generator, label: str) -> Sample:
        choices = self._by_label[label]
        return choices[int(rng.integers(len(choices)))]


class FixedTiles(Dataset[tuple[Tensor, Tensor]]):
    """Samples as the line would see them, unvaried."""

    def __init__(self, samples: list[Sample], spec: InputSpec) -> None:
        self._samples, self._spec = samples, spec

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return to_tensors(self._samples[index].image, self._samples[index].mask, self._spec)


def to_tensors(image: Image, mask: Image, spec: InputSpec) -> tuple[Tensor, Tensor]:
    """uint8 H×W×C as the exported graph takes it, and the class of every pixel."""
    return torch.from_numpy(letterbox(image, spec)[0]), torch.from_numpy(letterbox_mask(mask, spec)).long()
