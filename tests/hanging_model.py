"""A model file that hangs: `session.run` does not come back when the photo's first pixel has a certain grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from agent.model_contract import INPUT, VALID
from tests.tiny_model import write_stamped, write_tiny_model

HANGS_AT_GREY = 77
FOR_EVER = 1 << 50
"""Turns of an empty loop: years."""


def write_hanging_model(path: Path) -> Path:
    """The two-verdict model, with a loop in its valid flag that turns FOR_EVER times or not at all."""
    model = onnx.load(write_tiny_model(path, dark_below=55))
    graph = model.graph
    (flag,) = [node for node in graph.node if list(node.output) == [VALID]]
    graph.node.remove(flag)
    graph.node.extend([
        helper.make_node("Slice", [INPUT, "origin", "first"], ["corner"]),
        helper.make_node("Cast", ["corner"], ["grey_there"], to=TensorProto.INT64),
        helper.make_node("Equal", ["grey_there", "fatal_grey"], ["fatal"]),
        helper.make_node("Where", ["fatal", "for_ever", "never"], ["turns_there"]),
        helper.make_node("Reshape", ["turns_there", "scalar"], ["turns"]),
        helper.make_node("Loop", ["turns", "", "none_yet"], ["turned"], body=counting()),
        helper.make_node("Less", ["turned", "none_yet"], ["impossible"]),
        helper.make_node("Not", ["impossible"], ["good"]),
        helper.make_node("Cast", ["good"], [VALID], to=TensorProto.UINT8),
    ])  # fmt: skip
    constants = {
        "origin": np.zeros(4, np.int64),
        "first": np.ones(4, np.int64),
        "fatal_grey": np.array(HANGS_AT_GREY, np.int64),
        "for_ever": np.array(FOR_EVER, np.int64),
        "never": np.array(0, np.int64),
        "scalar": np.zeros(0, np.int64),
        "none_yet": np.zeros(1, np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return write_stamped(model, path)


def counting() -> onnx.GraphProto:
    """The loop's body: one more."""
    one = numpy_helper.from_array(np.ones(1, np.int64), "one")
    return helper.make_graph(
        [
            helper.make_node("Add", ["count", "one"], ["more"]),
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
        ],
        "counting",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("count", TensorProto.INT64, [1]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.INT64, [1]),
        ],
        [one],
    )
