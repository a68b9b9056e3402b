"""Stage verify: the agent's own segmenter on real photos against torch; only files that pass become the model."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import ConfigError, exit_on_error
from agent.judge import Calibration, Judge
from agent.lasting_file import write_lasting
from agent.model_contract import FULL, Precision
from agent.recipe import load_recipe
from agent.segmenter import Segmenter
from export.comparison import Difference, Measure, compare
from export.model_card import SUMMARY, model_card, read_report
from export.model_file import SHIPPED, SHIPPED_OPTIMISED, made, shipped
from trainer.dataset import load_samples
from trainer.inference import TorchSegmenter
from trainer.model import load_model
from trainer.params import Limits, Params, load_params
from trainer.run import SHIPPED_RUN
from trainer.split_table import read_split
from trainer.writing import writing

CARD = Path("models/MODEL_CARD.md")
REPORT = Path("reports/verify.json")
NAMED = 5


def differences(params: Params, files: Mapping[Precision, Segmenter]) -> dict[Precision, list[Difference]]:
    """Of each file, on every photo that was not trained on; ConfigError when there are too few."""
    model = load_model(SHIPPED_RUN.checkpoint)
    rows = [row for side in ("validation", "test") for row in read_split(SHIPPED_RUN.split, side)]
    samples = load_samples(rows, params.classes)
    if len(samples) < params.verify.images:
        raise ConfigError(
            f"only {len(samples)} photos to validate and test with, verify.images is {params.verify.images}: "
            "raise split.test_share or split.validation_share"
        )
    calibration = Calibration(params.evaluate.mm_per_px, params.evaluate.mm_per_px)
    judge = Judge(load_recipe(params.evaluate.recipe), calibration, files[FULL].contract)
    pixel_level = read_report(SHIPPED_RUN.reports / SUMMARY)["pixel_level"]
    by = Measure(judge, params.classes, model.spec, params.verify.score_step, pixel_level)
    return compare(samples, TorchSegmenter(model.network, model.spec), files, by)


def report(found: list[Difference]) -> dict[str, Any]:
    """Of one file; `dice_change` by class and, as `all`, over all photos with a defect."""
    changes: dict[str, list[float]] = defaultdict(list)
    for one in found:
        if one.dice_change is not None:
            changes[one.label].append(one.dice_change)
            changes["all"].append(one.dice_change)
    return {
        "images": len(found),
        "flips": sum(one.flipped for one in found),
        "escapes": sum(one.escaped for one in found),
        "disagreement": sum(one.disagreement for one in found) / len(found),
        "worst_disagreement": max(one.disagreement for one in found),
        "worst_score_difference": max(one.score for one in found) / 255,
        "dice_change": {name: float(np.mean(of_class)) for name, of_class in sorted(changes.items())},
    }


def refuse(file: Path, found: list[Difference], limits: Limits) -> None:
    """ConfigError names the images that decide or look otherwise than the trained model's."""
    if escaped := [one.name for one in found if one.escaped]:
        raise ConfigError(f"{file}: passes defects that the trained model rejects, {_names(escaped)}: not shipped")
    flipped = [one.name for one in found if one.flipped]
    if len(flipped) > limits.flips * len(found):
        raise ConfigError(f"{file}: verdict differs from the trained model's on {_names(flipped)}: not shipped")
    if apart := [one.name for one in found if one.disagreement > limits.disagreement]:
        share = f"{limits.disagreement:.2%}"
        raise ConfigError(f"{file}: more than {share} of pixels differ on {_names(apart)}: not shipped")
    changes = {one.name: one.dice_change for one in found if one.dice_change is not None}
    if changes and -np.mean(list(changes.values())) > limits.dice_loss:
        worst = sorted(changes, key=lambda name: changes[name])
        raise ConfigError(f"{file}: Dice falls by more than {limits.dice_loss:g}, most on {_names(worst)}: not shipped")


def _names(images: list[str]) -> str:
    more = f" and {len(images) - NAMED} more" if len(images) > NAMED else ""
    return ", ".join(images[:NAMED]) + more


def ship(precisions: list[Precision], card: str) -> None:
    """The files as they were verified, and of others none."""
    SHIPPED_OPTIMISED.mkdir(parents=True, exist_ok=True)
    files = {shipped(precision): made(precision) for precision in precisions}
    for path in set(SHIPPED_OPTIMISED.glob("*.onnx")) - set(files):
        path.unlink()
    for path, verified in files.items():
        write_lasting(path, verified.read_bytes())
    write_lasting(CARD, card)


def main() -> None:
    params = load_params()
    precisions: list[Precision] = [FULL, *params.optimise.precisions]
    files = {precision: Segmenter(made(precision)) for precision in precisions}
    for file in files.values():
        file.self_test()
    found = differences(params, files)
    verified = {precision: report(of_file) for precision, of_file in found.items()}
    with writing(REPORT, "writing what was found"):
        write_lasting(REPORT, json.dumps(verified, indent=2) + "\n")
    print(REPORT.read_text(), end="")
    for precision, of_file in found.items():
        refuse(made(precision), of_file, params.verify.limits[precision])
    sha256 = {precision: file.sha256 for precision, file in files.items()}
    card = model_card(files[FULL].contract, sha256, load_model(SHIPPED_RUN.checkpoint), params, verified)
    with writing(SHIPPED.parent, "writing what was verified"):
        ship(precisions, card)
    images = verified[FULL]["images"]
    print(f"{', '.join(str(shipped(it)) for it in precisions)} verified on {images} photos; {CARD} tells about them")


if __name__ == "__main__":
    with exit_on_error():
        main()
