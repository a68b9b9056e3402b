"""Channels brought to one range, as their activations are rounded with one scale for all of them.

Cross-layer equalisation (Nagel et al., ICCV 2019, section 4.1), over additions, upsampling and concatenation, too: a
channel is multiplied where it is made and divided where it is read. The graph computes what it did. Where a Clip lies
between, as in ReLU6, the range is one already.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto

from export.backbone import Floats, groups, observed, outside, set_weight, weight_of

SCALED_ALIKE = ("Add", "MaxPool", "Relu", "Resize")
"""Their output is scaled as their inputs are."""
RANGE = 8.0
"""For all of them, or one half of a concatenation would be rounded by the other's range."""
CHANNELS = 1
"""Axis."""
QUIETEST = 1 / 64
"""Of the loudest channel; a quieter one is not raised further."""


def equalise(model: onnx.ModelProto, inputs: Iterable[dict[str, Any]]) -> None:
    """Change weights and biases in place; `inputs`: of the graph, an image each, from which ranges are taken."""
    together = tied(model)
    loudest: dict[str, Floats] = {}
    for seen in observed(model, list(together), inputs):
        for name, value in seen.items():
            group, peak = together[name], np.abs(value).max((0, 2, 3))
            loudest[group] = np.maximum(loudest.get(group, 0), peak)
    raised = {group: RANGE / np.maximum(peak, peak.max() * QUIETEST) for group, peak in loudest.items() if peak.max()}
    scales = {name: raised[group] for name, group in together.items() if group in raised}
    parts = {node.output[0]: list(node.input) for node in model.graph.node if node.op_type == "Concat"}
    channels = _channels(model)
    for node in [node for node in model.graph.node if node.op_type == "Conv"]:
        read = [scales.get(part, np.ones(channels[part])) for part in parts.get(node.input[0], [node.input[0]])]
        _rescale(model, node, np.concatenate(read), scales.get(node.output[0], np.ones(channels[node.output[0]])))


def tied(model: onnx.ModelProto) -> dict[str, str]:
    """Values whose channels can be scaled; those of one group, by the name of one of them, only together."""
    group: dict[str, str] = {}
    weights, outer = {tensor.name for tensor in model.graph.initializer}, set(outside(model))
    bound: set[str] = {value.name for value in model.graph.output} | weights
    to_convolutions = _read_by_convolutions_alone(model)

    def tie(names: Iterable[str]) -> None:
        first, *others = (group.setdefault(name, name) for name in names)
        group.update({name: first for name, of in group.items() if of in others})

    for node in model.graph.node:
        if node.name in outer:
            bound |= {*node.input, *node.output}
        elif node.op_type == "Conv":
            tie(node.input[:1])
            tie(node.output)
        elif node.op_type == "Concat" and node.output[0] in to_convolutions and node.attribute[0].i == CHANNELS:
            bound.add(node.output[0])  # its parts are scaled, each by itself
        elif node.op_type in SCALED_ALIKE:
            tie([*(node.input if node.op_type == "Add" else node.input[:1]), node.output[0]])
        else:
            bound |= {*node.input, *node.output}
    fixed = {group[name] for name in bound if name in group}
    return {name: of for name, of in group.items() if of not in fixed}


def _read_by_convolutions_alone(model: onnx.ModelProto) -> set[str]:
    others = {name for node in model.graph.node if node.op_type != "Conv" for name in node.input}
    return {node.input[0] for node in model.graph.node if node.op_type == "Conv"} - others


def _channels(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*graph.input, *graph.value_info)}
    return {name: dims[1].dim_value for name, dims in shapes.items() if len(dims) == 4}


def _rescale(model: onnx.ModelProto, node: NodeProto, read: Floats, made: Floats) -> None:
    """Of one convolution: divide by what the channels that it reads were multiplied with; multiply its own."""
    weight = weight_of(model, node.input[1])
    of_group = np.repeat(read.reshape(groups(node), -1), len(weight) // groups(node), axis=0)
    set_weight(model, node, 1, weight / of_group[:, :, None, None] * made[:, None, None, None])
    if len(node.input) > 2:
        set_weight(model, node, 2, weight_of(model, node.input[2]) * made)
