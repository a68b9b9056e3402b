"""Biases of convolutions, moved by what the rounding of their weights adds to their outputs on average.

Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section 4.2: rounding
errors do not cancel where all inputs are positive, and each channel of a depthwise convolution has few weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx

from export.backbone import Floats, groups, observed, set_weight, weight_of

S8_MAX = 127


def correct_biases(model: onnx.ModelProto, convolutions: Sequence[str], inputs: Iterable[dict[str, Any]]) -> None:
    """Change the biases of these convolutions (names of nodes) in place; `inputs`: of the graph, an image each."""
    nodes = [node for node in model.graph.node if node.name in convolutions]
    names = sorted({node.input[0] for node in nodes})
    of_images = [[value.mean((0, 2, 3)) for value in seen.values()] for seen in observed(model, names, inputs)]
    means = {
        name: np.mean(of_image, axis=0) for name, of_image in zip(names, zip(*of_images, strict=True), strict=True)
    }
    for node in nodes:
        added = _added(weight_of(model, node.input[1]), means[node.input[0]], groups(node))
        bias = weight_of(model, node.input[2]) if len(node.input) > 2 else np.zeros_like(added)
        set_weight(model, node, 2, bias - added)


def _added(weight: Floats, mean: Floats, groups: int) -> Floats:
    """By output channel: what weights rounded to S8, a scale per channel, add for an input of this mean."""
    scale = np.abs(weight).max((1, 2, 3), keepdims=True) / S8_MAX
    scale[scale == 0] = 1
    error = (np.round(weight / scale) * scale - weight).sum((2, 3))
    of_group = np.repeat(mean.reshape(groups, -1), len(weight) // groups, axis=0)
    return np.asarray((error * of_group).sum(1), np.float32)
