"""Model files that are good on their golden sample, whose first pixel is white, and go wrong on a photo.

The rendered tiles are darker than that. The tiny model under them says one thing of every part, so that each answer
shows which model gave it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from agent.model_contract import INPUT, VALID
from tests.hanging_model import counting
from tests.tiny_model import SIDE_PX, write_stamped, write_tiny_model

GOLDEN_GREY = 255
MEASURED_TURNS, MEASURED_TIMES = 20_000, 3
"""Some ten ms each; the fastest counts."""


def write_passing(path: Path, *, mark: int = 1) -> Path:
    """Nothing but black is a defect, and no tile has any: all pass. `mark`: 1 … 5 make other files of it."""
    return write_tiny_model(path, dark_below=mark)


def write_rejecting(path: Path) -> Path:
    """Every pixel is a defect: all are rejected."""
    return write_tiny_model(path, dark_below=256, expected_px=SIDE_PX**2)


def write_heavy(path: Path, *, passing: bool, megabytes: int) -> Path:
    """One of these, with so much memory to its name while it is open."""
    base = write_passing(path) if passing else write_rejecting(path)
    table = np.ones(megabytes * 2**20, np.uint8)
    return _with_flag(base, [
        helper.make_node("Cast", ["a_photo"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], [VALID]),
    ], {"table": table})  # fmt: skip


def write_invalid(path: Path) -> Path:
    """valid = 0 on a photo, as where a logit is not finite."""
    return _with_flag(write_passing(path), [helper.make_node("Cast", ["white_corner"], [VALID], to=TensorProto.UINT8)])


def write_raising(path: Path) -> Path:
    """The run fails on a photo: an index out of range."""
    return _with_flag(write_passing(path), [
        helper.make_node("Not", ["white_corner"], ["dark_corner"]),
        helper.make_node("Cast", ["dark_corner"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["flag", "index"], [VALID]),
    ])  # fmt: skip


def write_killing(path: Path, *, always: bool = False) -> Path:
    """The least integer divided by -1 on a photo, which kills the process; `always`: on the golden sample too."""
    return _with_flag(write_passing(path), [
        helper.make_node("Where", ["always" if always else "a_photo", "minus_one", "one"], ["divisor"]),
        helper.make_node("Div", ["least", "divisor"], ["quotient"]),
        helper.make_node("Cast", ["quotient"], ["not_zero"], to=TensorProto.BOOL),
        helper.make_node("Cast", ["not_zero"], [VALID], to=TensorProto.UINT8),
    ])  # fmt: skip


def write_slow(path: Path, run_ms: float, *, always: bool = False) -> Path:
    """A loop that takes so long here on a photo, or longer; `always`: on the golden sample too."""
    return _with_flag(write_passing(path), [
        helper.make_node("Where", ["always" if always else "a_photo", "turns", "never"], ["turns_there"]),
        helper.make_node("Reshape", ["turns_there", "scalar"], ["turns_now"]),
        helper.make_node("Loop", ["turns_now", "", "none_yet"], ["turned"], body=counting()),
        helper.make_node("Less", ["turned", "none_yet"], ["impossible"]),
        helper.make_node("Not", ["impossible"], ["good"]),
        helper.make_node("Cast", ["good"], [VALID], to=TensorProto.UINT8),
    ], {"turns": np.array([round(run_ms * turns_per_ms())], np.int64)})  # fmt: skip


@cache
def turns_per_ms() -> float:
    """Of the loop, in this computer's own time: what other processes take of it makes a model no faster."""
    turns, turned = (
        helper.make_tensor_value_info(name, TensorProto.INT64, shape)
        for name, shape in (("turns", []), ("turned", [1]))
    )
    loop = helper.make_node("Loop", ["turns", "", "none_yet"], ["turned"], body=counting())
    none_yet = numpy_helper.from_array(np.zeros(1, np.int64), "none_yet")
    graph = helper.make_graph([loop], "turning", [turns], [turned], [none_yet])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    took_s = []
    for _ in range(MEASURED_TIMES):
        begun_s = time.thread_time()
        session.run(None, {"turns": np.array(MEASURED_TURNS)})
        took_s.append(time.thread_time() - begun_s)
    return MEASURED_TURNS / (min(took_s) * 1000)


def _with_flag(path: Path, nodes: list[onnx.NodeProto], more: Mapping[str, np.ndarray] | None = None) -> Path:
    """The same model with another way to its valid flag. bool [1]: `white_corner` on the golden sample, else `a_photo`.

    `more`: constants of the nodes.
    """
    model = onnx.load(path)
    graph = model.graph
    (flag,) = [node for node in graph.node if list(node.output) == [VALID]]
    graph.node.remove(flag)
    graph.node.extend([
        helper.make_node("Slice", [INPUT, "origin", "first"], ["corner"]),
        helper.make_node("Reshape", ["corner", "vector"], ["corner_grey"]),
        helper.make_node("Equal", ["corner_grey", "white_grey"], ["white_corner"]),
        helper.make_node("Not", ["white_corner"], ["a_photo"]),
        helper.make_node("Or", ["white_corner", "a_photo"], ["always"]),
        *nodes,
    ])  # fmt: skip
    constants = {
        "origin": np.zeros(4, np.int64),
        "first": np.ones(4, np.int64),
        "vector": np.array([1], np.int64),
        "white_grey": np.array([GOLDEN_GREY], np.uint8),
        "one": np.array([1], np.int32),
        "minus_one": np.array([-1], np.int32),
        "least": np.array([-(2**31)], np.int32),
        "never": np.array([0], np.int64),
        "scalar": np.zeros(0, np.int64),
        "none_yet": np.zeros(1, np.int64),
    } | dict(more or {})
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return write_stamped(model, path)
