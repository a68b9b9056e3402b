"""Stage optimise: the exported file → variants that run faster on some devices, each a file that explains itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx

from agent.errors import ConfigError, exit_on_error
from agent.inspection import Image
from agent.model_contract import ModelContract, Precision
from agent.segmenter import Segmenter
from export.golden import Answered, candidates, choose, golden_sample
from export.half import to_half
from export.model_file import EXPORTED, OPTIMISED, made, write_model_file
from export.quantise import to_int8
from trainer.dataset import load_samples, with_truth
from trainer.params import ExportParams, Params, load_params
from trainer.run import SHIPPED_RUN
from trainer.split_table import read_split


def calibration_images(params: Params) -> list[Image]:
    """Training photos, evenly out of all of them; ConfigError when there are too few."""
    rows, wanted = with_truth(read_split(SHIPPED_RUN.split, "train")), params.optimise.calibration_photos
    if len(rows) < wanted:
        raise ConfigError(
            f"only {len(rows)} training photos, optimise.calibration_photos is {wanted}: lower it, or add photos"
        )
    spread = [rows[number * len(rows) // wanted] for number in range(wanted)]
    return [sample.image for sample in load_samples(spread, params.classes)]


def optimised(
    graph: onnx.ModelProto, precision: Precision, described: ModelContract, params: Params
) -> onnx.ModelProto:
    if precision == "fp16":
        return to_half(graph)
    return to_int8(graph, calibration_images(params), described.input, params.optimise)


def write_variant(
    graph: onnx.ModelProto,
    described: ModelContract,
    path: Path,
    answer: Callable[[Segmenter], list[Answered]],
    params: ExportParams,
) -> None:
    """Its golden samples hold its own answers: another device must give those, not the FP32 file's."""
    write_model_file(graph, described, path)
    chosen = choose(answer(Segmenter(path)), described.thresholds, params.golden_samples)
    golden = tuple(golden_sample(one, described.thresholds, params.golden_tolerance_px) for one in chosen)
    write_model_file(graph, described.model_copy(update={"golden": golden}), path)


def main() -> None:
    params = load_params()
    described = Segmenter(EXPORTED).contract
    shutil.rmtree(OPTIMISED, ignore_errors=True)
    OPTIMISED.mkdir(parents=True)
    for precision in params.optimise.precisions:
        path, variant = made(precision), described.model_copy(update={"precision": precision})
        graph = optimised(onnx.load(EXPORTED), precision, described, params)
        write_variant(graph, variant, path, partial(candidates, params), params.export)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    with exit_on_error():
        main()
