"""A model file whose run goes wrong when the photo's first pixel has a certain grey, by ONNX Runtime's own errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from agent.model_contract import VALID
from tests.hanging_model import HANGS_AT_GREY, write_hanging_model
from tests.tiny_model import write_stamped

NAN_AT_GREY, INFINITE_AT_GREY, TOO_LARGE_AT_GREY, FAILS_AT_GREY = 81, 82, 83, 84
GREYS = {
    "hang": HANGS_AT_GREY,
    "nan": NAN_AT_GREY,
    "inf": INFINITE_AT_GREY,
    "out of memory": TOO_LARGE_AT_GREY,
    "failure": FAILS_AT_GREY,
}
NO_MEMORY_HOLDS = 1 << 45
"""Floats: more than can be addressed."""


def write_faulty_model(path: Path) -> Path:
    """The hanging model, which can fail in four more ways; the valid flag says whether all is finite, as exported."""
    model = onnx.load(write_hanging_model(path))
    graph = model.graph
    (flag,) = [node for node in graph.node if list(node.output) == [VALID]]
    graph.node.remove(flag)
    graph.node.extend([
        *_chosen("nan_here", "minus_one", "one", "radicand"),
        helper.make_node("Sqrt", ["radicand"], ["root"]),
        *_chosen("infinite_here", "nothing", "one", "divisor"),
        helper.make_node("Reciprocal", ["divisor"], ["quotient"]),
        helper.make_node("Add", ["root", "quotient"], ["logit"]),
        helper.make_node("IsNaN", ["logit"], ["is_nan"]),
        helper.make_node("IsInf", ["logit"], ["is_infinite"]),
        helper.make_node("Or", ["is_nan", "is_infinite"], ["not_finite"]),
        *_chosen("too_large_here", "no_memory_holds", "one_element", "size_there"),
        helper.make_node("Reshape", ["size_there", "one_number"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["largest"], keepdims=0),
        helper.make_node("Cast", ["largest"], ["never_true"], to=TensorProto.BOOL),
        *_chosen("fails_here", "beyond", "first_place", "place"),
        helper.make_node("Gather", ["one_flag", "place"], ["looked_up"]),
        helper.make_node("Or", ["not_finite", "never_true"], ["bad_either"]),
        helper.make_node("Or", ["bad_either", "looked_up"], ["bad_there"]),
        helper.make_node("Not", ["bad_there"], ["finite_there"]),
        helper.make_node("Reshape", ["finite_there", "one_number"], ["finite"]),
        helper.make_node("And", ["good", "finite"], ["all_good"]),
        helper.make_node("Cast", ["all_good"], [VALID], to=TensorProto.UINT8),
    ])  # fmt: skip
    constants = {
        "nan_here": np.array(NAN_AT_GREY, np.int64),
        "infinite_here": np.array(INFINITE_AT_GREY, np.int64),
        "too_large_here": np.array(TOO_LARGE_AT_GREY, np.int64),
        "fails_here": np.array(FAILS_AT_GREY, np.int64),
        "minus_one": np.array(-1, np.float32),
        "nothing": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "no_memory_holds": np.array(NO_MEMORY_HOLDS, np.int64),
        "one_element": np.array(1, np.int64),
        "one_number": np.array([1], np.int64),
        "beyond": np.array(7, np.int64),
        "first_place": np.array(0, np.int64),
        "one_flag": np.array([False]),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return write_stamped(model, path)


def _chosen(at_grey: str, then: str, otherwise: str, result: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Equal", ["grey_there", at_grey], [f"is_{at_grey}"]),
        helper.make_node("Where", [f"is_{at_grey}", then, otherwise], [result]),
    ]
