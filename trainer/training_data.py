"""What a training sees, in which order, and which part of it each of several processes takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import lightning
from torch.utils.data import DataLoader

from trainer.dataset import FixedTiles, TrainingTiles, load_samples, procedural_samples, with_truth
from trainer.model import Batch
from trainer.params import Params
from trainer.split_table import read_split

PROCEDURAL_VALIDATION_TILES = 60
VALIDATION_BATCH = 16
T = TypeVar("T")


class TrainingData(lightning.LightningDataModule):
    """Step k's batch is the same in every run; one that resumes starts behind the steps that are done."""

    def __init__(self, params: Params, split: str) -> None:
        super().__init__()
        self._params, self._split = params, split
        self._done = 0

    def setup(self, stage: str) -> None:
        classes = self._params.classes
        self._training = load_samples(with_truth(read_split(self._split, "train")), classes)
        self._validation = load_samples(with_truth(read_split(self._split, "validation")), classes)
        if self._params.sampling.procedural_share:  # the network is to know them, too
            self._validation += procedural_samples(self._params.train.seed + 1, PROCEDURAL_VALIDATION_TILES, classes)

    def train_dataloader(self) -> DataLoader[Batch]:
        train = self._params.train
        batches = [self._own(batch) for batch in training_batches(train.max_steps, train.batch_size)]
        return DataLoader(
            TrainingTiles(self._training, self._params),
            batch_sampler=BatchList(batches, self._done),
            num_workers=train.workers,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(FixedTiles(self._own(self._validation), self._params.input), batch_size=VALIDATION_BATCH)

    def _own(self, whole: list[T]) -> list[T]:
        return share(whole, self._running().global_rank, self._running().world_size)

    def state_dict(self) -> dict[str, Any]:
        return {"done": self._running().global_step}

    def _running(self) -> lightning.Trainer:
        assert self.trainer is not None
        return self.trainer

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._done = int(state["done"])


class BatchList:
    """Sample numbers of every step. Its length counts the steps that are done too, as Lightning's progress does."""

    def __init__(self, batches: list[list[int]], done: int) -> None:
        self._batches, self._done = batches, done

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches[self._done :])


def share(whole: list[T], rank: int, processes: int) -> list[T]:
    """One process's part: everything belongs to one process, and all have equally many, give or take one."""
    return whole[rank::processes]


def training_batches(steps: int, size: int) -> list[list[int]]:
    """Sample numbers of every step."""
    return [list(range(step * size, (step + 1) * size)) for step in range(steps)]
