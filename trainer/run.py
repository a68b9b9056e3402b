"""One training on one split: where its results lie. The run on the split `grouped` is the shipped model's."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from trainer.params import Params
from trainer.split_table import GROUPED


@dataclass(frozen=True)
class Run:
    """Results of the shipped model in the repository's root, those of another split below runs/<split>."""

    split: str = GROUPED

    @property
    def folder(self) -> Path:
        return Path() if self.split == GROUPED else Path("runs") / self.split

    @property
    def checkpoint(self) -> Path:
        """The best of the run."""
        return self.folder / "checkpoints/model.ckpt"

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def metrics(self) -> Path:
        """Thresholds and scores, as stage evaluate found them."""
        return self.reports / "metrics.json"

    def schedule(self, params: Params) -> Params:
        """`params` with the steps of this run's training: on any other split they are those of the folds."""
        if self.split == GROUPED:
            return params
        train = params.train.model_copy(update={"max_steps": params.folds.max_steps})
        return params.model_copy(update={"train": train})


SHIPPED_RUN = Run()


def asked_run(description: str) -> Run:
    """The run that the command line asks for by --split."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--split", default=GROUPED, help="grouped (the shipped model), fold0 … or leaky; see data/split.csv"
    )
    return Run(parser.parse_args().split)
