"""Stage verify: the agent's own segmenter on real photos against torch; only a passing file becomes the model."""

from __future__ import annotations

import json
from pathlib import Path

from agent.errors import ConfigError, exit_on_error
from agent.judge import Calibration, Judge
from agent.lasting_file import write_lasting
from agent.recipe import load_recipe
from agent.segmenter import Segmenter
from export.comparison import Difference, compare
from export.model_card import model_card
from export.to_onnx import EXPORTED
from trainer.dataset import load_samples
from trainer.inference import TorchSegmenter
from trainer.model import load_model
from trainer.params import Params, VerifyParams, load_params
from trainer.run import SHIPPED_RUN
from trainer.split_table import read_split
from trainer.writing import writing

SHIPPED, CARD = Path("models/magnetic_tile.onnx"), Path("models/MODEL_CARD.md")
REPORT = Path("reports/verify.json")
NAMED = 5


def differences(params: Params, exported: Segmenter) -> list[Difference]:
    """On every photo that was not trained on; ConfigError when there are too few."""
    model = load_model(SHIPPED_RUN.checkpoint)
    rows = [row for side in ("validation", "test") for row in read_split(SHIPPED_RUN.split, side)]
    samples = load_samples(rows, params.classes)
    if len(samples) < params.verify.images:
        raise ConfigError(
            f"only {len(samples)} photos to validate and test with, verify.images is {params.verify.images}: "
            "raise split.test_share or split.validation_share"
        )
    calibration = Calibration(params.evaluate.mm_per_px, params.evaluate.mm_per_px)
    judge = Judge(load_recipe(params.evaluate.recipe), calibration, exported.contract)
    return compare(samples, TorchSegmenter(model.network, model.spec), exported, judge, params.verify.score_step)


def report(found: list[Difference]) -> dict[str, float]:
    return {
        "images": len(found),
        "flips": sum(one.flipped for one in found),
        "disagreement": sum(one.disagreement for one in found) / len(found),
        "worst_disagreement": max(one.disagreement for one in found),
        "worst_score_difference": max(one.score for one in found) / 255,
    }


def refuse(found: list[Difference], limits: VerifyParams) -> None:
    """ConfigError names the images that decide or look otherwise than the trained model's."""
    flipped = [one.name for one in found if one.flipped]
    if flipped:
        raise ConfigError(f"{EXPORTED}: verdict differs from the trained model's on {_names(flipped)}: not shipped")
    apart = [one.name for one in found if one.disagreement > limits.disagreement]
    if apart:
        share = f"{limits.disagreement:.2%}"
        raise ConfigError(f"{EXPORTED}: more than {share} of pixels differ on {_names(apart)}: not shipped")


def _names(images: list[str]) -> str:
    more = f" and {len(images) - NAMED} more" if len(images) > NAMED else ""
    return ", ".join(images[:NAMED]) + more


def main() -> None:
    params = load_params()
    exported = Segmenter(EXPORTED)
    exported.self_test()
    found = differences(params, exported)
    with writing(REPORT, "writing what was found"):
        write_lasting(REPORT, json.dumps(report(found), indent=2) + "\n")
    print(REPORT.read_text(), end="")
    refuse(found, params.verify)
    model = load_model(SHIPPED_RUN.checkpoint)
    card = model_card(SHIPPED.name, exported.sha256, exported.contract, model, params, report(found))
    with writing(SHIPPED.parent, "writing what was verified"):
        SHIPPED.parent.mkdir(exist_ok=True)
        write_lasting(SHIPPED, EXPORTED.read_bytes())
        write_lasting(CARD, card)
    print(f"{SHIPPED} verified on {len(found)} photos; {CARD} tells about it")


if __name__ == "__main__":
    with exit_on_error():
        main()
