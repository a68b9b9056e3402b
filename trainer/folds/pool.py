"""Stage pool: what each fold found on its test side → one result over all photos.

Each photo is judged by a network that has never seen its physical part. The result of the leaky split stands beside
it, for comparison only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from agent.errors import ConfigError, exit_on_error
from agent.inspection import Image
from trainer.folds.by_fold import COLUMNS, by_fold
from trainer.folds.subject import subject
from trainer.params import Params, load_params
from trainer.parts_table import Part, read_parts
from trainer.result_files import PARTS, WORST, write_picture, write_result
from trainer.run import Run
from trainer.split_table import FOLD, LEAKY, read_split
from trainer.summary import headline, summary

FOLDS = Path("reports/folds")
LEAKY_TITLE = "leaky: for comparison only"


def tested_parts(run: Run) -> list[Part]:
    """The judged test side of one split; ConfigError when it is not that of data/split.csv."""
    parts = read_parts(run.reports / PARTS)
    wanted = sorted(str(row.path) for row in read_split(run.split, "test"))
    if sorted(part.image for part in parts) != wanted:
        raise ConfigError(
            f"{run.reports / PARTS} is not the test side of {run.split} in data/split.csv: "
            "run 'dvc repro trainer/folds/dvc.yaml'"
        )
    return parts


def schedule(params: Params) -> str:
    """How the folds were trained, for whoever reads their results."""
    return f"short schedule: {params.folds.max_steps} steps a fold; the shipped model has {params.train.max_steps}"


def limits(run: Run) -> dict[str, Any]:
    """What `evaluate` chose on the validation side of this split."""
    chosen = json.loads(run.metrics.read_text())
    return {name: chosen[name] for name in ("thresholds", "pixel_level")}


def counts(found: Mapping[str, Any]) -> Table:
    """Of the pooled summary: k of n photos and groups, with the 95 % interval, beside the Dice of each class."""
    table = Table("class", "photos", "groups", "rejected (95 % by group)", "Dice", box=None)
    overkill = {"free (overkill)": found["part"]["overkill"]} if "overkill" in found["part"] else {}
    for name, share in {**found["part"]["recall"], **overkill}.items():
        dice = found["pixel"]["per_class"].get(name, {}).get("dice")
        table.add_row(
            name,
            f"{share['photos']} of {share['of_photos']}",
            f"{share['groups']} of {share['of_groups']}",
            f"{share['value']:.3f} ({share['low']:.3f}–{share['high']:.3f})",
            "" if dice is None else f"{dice:.3f}",
        )
    return table


def one_under_another(sheets: Sequence[Path]) -> Image:
    """The sheets of all folds as one picture, BGR."""
    images = [np.asarray(cv2.imread(str(path))) for path in sheets]
    widest = max(image.shape[1] for image in images)
    return np.vstack([np.pad(image, ((0, 4), (0, widest - image.shape[1]), (0, 0))) for image in images])


def main() -> None:
    params = load_params()
    runs = [Run(f"{FOLD}{i}") for i in range(params.split.folds)]
    of_fold = {run.split: tested_parts(run) for run in runs}
    pooled = [part for parts in of_fold.values() for part in parts]
    leaky = summary(tested_parts(Run(LEAKY)), params.classes)
    found = summary(pooled, params.classes)
    sheet = one_under_another([run.reports / WORST for run in runs])
    each = {run.split: limits(run) | summary(of_fold[run.split], params.classes) for run in runs}
    metrics = {"schedule": schedule(params), "pooled": headline(found)}
    told = {"schedule": schedule(params), "subject": subject(params), "pooled": found, **each, LEAKY_TITLE: leaky}
    write_result(FOLDS, metrics, told, pooled, found["curve"])
    write_picture(sheet, FOLDS / WORST)
    print(f"{len(pooled)} photos of {found['groups']} parts, each tested once; {schedule(params)}")
    Console().print(counts(found))
    lines = Table(*COLUMNS, box=None)
    for row in by_fold(told):
        lines.add_row(*row)
    Console().print(lines)


if __name__ == "__main__":
    with exit_on_error():
        main()
