"""FP32 graph → FP16 graph for GPUs: weights and activations of the network are typed float16, so no runtime is told.

onnxruntime's own converter casts around each node that is to stay as it is: a sum over a photo's pixels, which is
beyond float16's range, would be lost. Here the network is one float16 island, with a cast on each way in and out.
"""

from __future__ import annotations

import copy

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from export.backbone import outside

MAKES_FLOAT32 = ("Cast", "Constant", "ConstantOfShape", "Range")
"""Nodes whose type of output is written in them: they stay, and what they give is cast."""
FLOAT32_INPUTS = {"Resize": (1, 2)}
"""Region and scales are float32 by definition, whatever the data."""


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network in float16; what lies before and behind it, and all inputs and outputs, as they were."""
    half = copy.deepcopy(model)
    graph, float32, outer = half.graph, _float32_values(model), set(outside(model))
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[NodeProto] = []
    halved: dict[str, TensorProto | None] = {}
    """By the name of a value that there is in float16, too: the weight, where it is one."""
    for node in list(graph.node):
        if node.name in outer or node.op_type in MAKES_FLOAT32:
            nodes.append(node)
            continue
        for place, name in enumerate(node.input):
            if name not in float32 or place in FLOAT32_INPUTS.get(node.op_type, ()):
                continue
            if name not in halved:
                halved[name] = _halved(weights[name]) if name in weights else None
                nodes += [] if name in weights else [_cast(name, _half(name), TensorProto.FLOAT16)]
            node.input[place] = _half(name)
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name in float32:
                node.output[place], halved[name] = _half(name), None
                nodes.append(_cast(_half(name), name, TensorProto.FLOAT))
    _replace(graph, nodes, [*graph.initializer, *(weight for weight in halved.values() if weight)])
    return half


def _float32_values(model: onnx.ModelProto) -> set[str]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    typed = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info, *graph.output)}
    typed |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name for name, kind in typed.items() if kind == TensorProto.FLOAT}


def _half(name: str) -> str:
    return f"{name}_float16"


def _halved(weight: TensorProto) -> TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), _half(weight.name))


def _cast(source: str, target: str, kind: int) -> NodeProto:
    return helper.make_node("Cast", [source], [target], name=f"{target}_cast", to=kind)


def _replace(graph: onnx.GraphProto, nodes: list[NodeProto], weights: list[TensorProto]) -> None:
    """Without the casts and weights that nobody reads; types of values are left for the runtime to find out anew."""
    read = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
    for field, kept in (
        (graph.node, [node for node in nodes if read & set(node.output)]),
        (graph.initializer, [weight for weight in weights if weight.name in read]),
        (graph.value_info, []),
    ):
        del field[:]
        field.extend(kept)
