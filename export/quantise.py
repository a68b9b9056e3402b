"""FP32 graph → INT8 graph for CPUs: static QDQ, unsigned activations by signed weights, a scale per channel.

This pair of types is the one that VNNI multiplies. On a CPU without it sums may saturate: the golden samples tell.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from agent.errors import ConfigError
from agent.inspection import Image
from agent.model_contract import INPUT, InputSpec
from agent.preprocess import letterbox
from export.backbone import convolutions, outside
from export.bias_correction import correct_biases
from export.equalisation import equalise
from trainer.params import OptimiseParams

QUANTISED = ["Conv", "Add", "Concat", "Resize", "Relu", "Clip", "MaxPool"]


class Photos(CalibrationDataReader):  # type: ignore[misc]  # it comes without types
    """Photos as the line would show them to the network, one at a time."""

    def __init__(self, images: Sequence[Image], spec: InputSpec) -> None:
        self._left: Iterator[Image] = (letterbox(image, spec)[0] for image in images)

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._left, None)
        return None if image is None else {INPUT: np.stack([image])}


def to_int8(
    graph: onnx.ModelProto, images: Sequence[Image], spec: InputSpec, params: OptimiseParams
) -> onnx.ModelProto:
    """`images`: uint8 H×W or H×W×C, none of those that the result is judged by; ranges are taken from them."""
    with tempfile.TemporaryDirectory() as folder:
        whole, prepared, quantised = (Path(folder) / name for name in ("whole", "prepared", "quantised"))
        onnx.save(graph, whole)
        quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        plain = onnx.load(prepared)
        in_float, rounded = _sides(plain, params.first_float)
        equalise(plain, iter(Photos(images, spec).get_next, None))
        correct_biases(plain, rounded, iter(Photos(images, spec).get_next, None))
        quantize_static(
            plain,
            quantised,
            Photos(images, spec),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            nodes_to_exclude=in_float,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibMaxIntermediateOutputs": _at_a_time(len(images))},
        )
        return onnx.load(quantised)


def _sides(plain: onnx.ModelProto, first_float: int) -> tuple[list[str], list[str]]:
    """(nodes that stay in float, convolutions that do not)."""
    names, of_network = [node.name for node in plain.graph.node], convolutions(plain)
    rounded = of_network[first_float:-1]
    if not rounded:
        raise ConfigError(
            f"optimise.first_float {first_float}: the network has {len(of_network)} convolutions: lower it"
        )
    return [*names[: names.index(rounded[0])], of_network[-1], *outside(plain)], rounded


def _at_a_time(images: int) -> int:
    """So many images' values are kept in memory; not a divisor, or the quantiser ends with none left to collect."""
    return next(count for count in range(8, images + 9) if images % count)
