"""Stage export: checkpoint and metrics → exported/model.onnx, a file that explains itself (DESIGN §3.1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from agent.errors import ConfigError, exit_on_error
from agent.model_contract import BACKGROUND, FULL, ModelContract
from agent.model_digest import UNSTAMPED
from export.golden import Answered, candidates, choose, golden_sample
from export.graph import to_onnx
from export.model_file import EXPORTED, write_model_file
from export.provenance import data_md5, git_commit, producers
from trainer.inference import TorchSegmenter
from trainer.model import SegmentationModel, load_model
from trainer.params import ExportParams, load_params
from trainer.run import SHIPPED_RUN
from trainer.tiles import RAW


def read_metrics(path: Path) -> dict[str, dict[str, float]]:
    try:
        metrics: dict[str, dict[str, float]] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: {error}: run 'dvc repro evaluate'") from error
    return metrics


def contract(
    model: SegmentationModel,
    metrics: dict[str, dict[str, float]],
    answered: Sequence[Answered],
    params: ExportParams,
    md5: str,
) -> ModelContract:
    """All that the file says about itself; thresholds in the order of the classes."""
    thresholds = {name: metrics["thresholds"][name] for name in model.classes}
    chosen = choose(answered, thresholds, params.golden_samples)
    return ModelContract(
        classes=(BACKGROUND, *model.classes),
        input=model.spec,
        thresholds=thresholds,
        precision=FULL,
        metrics={
            f"{part}.{name}": value for part in ("test", "procedural") for name, value in metrics.get(part, {}).items()
        },
        git_commit=git_commit(),
        data_md5=md5,
        opset=params.opset,
        producers=producers(),
        golden=tuple(golden_sample(one, thresholds, params.golden_tolerance_px) for one in chosen),
        digest=UNSTAMPED,
    )


def write_model(model: SegmentationModel, described: ModelContract, path: Path) -> None:
    write_model_file(to_onnx(model.network, model.spec, described.opset), described, path)


def main() -> None:
    params = load_params()
    metrics = read_metrics(SHIPPED_RUN.metrics)
    model = load_model(SHIPPED_RUN.checkpoint)
    answered = candidates(params, TorchSegmenter(model.network, model.spec))
    described = contract(model, metrics, answered, params.export, data_md5(str(RAW)))
    write_model(model, described, EXPORTED)
    print(f"{EXPORTED}: {EXPORTED.stat().st_size / 1e6:.1f} MB, thresholds {described.thresholds}")


if __name__ == "__main__":
    with exit_on_error():
        main()
