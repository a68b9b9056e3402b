"""The network proper in an exported graph: from its first convolution to its last.

What lies before (scaling the photo) and behind (the decision) needs float32's range or its precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]


def convolutions(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes, in the order in which they run."""
    return [node.name for node in model.graph.node if node.op_type == "Conv"]


def outside(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes before the first convolution and behind the last."""
    names, of_network = [node.name for node in model.graph.node], convolutions(model)
    first, last = names.index(of_network[0]), names.index(of_network[-1])
    return names[:first] + names[last + 1 :]


def groups(convolution: NodeProto) -> int:
    return next((int(attribute.i) for attribute in convolution.attribute if attribute.name == "group"), 1)


def weight_of(model: onnx.ModelProto, name: str) -> Floats:
    """A node's weights or biases, by the name of its input."""
    return numpy_helper.to_array(_tensor(model, name))


def set_weight(model: onnx.ModelProto, node: NodeProto, place: int, values: Floats) -> None:
    """Of this node alone, if others read the same tensor; `place` 2 of a convolution without biases gives it some."""
    name = node.input[place] if place < len(node.input) else ""
    if name and sum(list(one.input).count(name) for one in model.graph.node) == 1:
        _tensor(model, name).CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
        return
    own = f"{node.name}_input{place}"
    node.input[place:] = [own, *node.input[place + 1 :]]
    model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), own))


def _tensor(model: onnx.ModelProto, name: str) -> TensorProto:
    found: TensorProto = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    return found


def observed(model: onnx.ModelProto, names: list[str], inputs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Floats]]:
    """What these values of the graph are for each input, float32 1×C×H×W."""
    looked_at = onnx.ModelProto()
    looked_at.CopyFrom(model)
    looked_at.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = ort.InferenceSession(looked_at.SerializeToString(), providers=["CPUExecutionProvider"])
    for shown in inputs:
        yield dict(zip(names, session.run(names, shown), strict=True))
