"""A hand-made model that looks no further than its kernel, for any input size and batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from agent.model_contract import CLASS_MAP, INPUT, METADATA_KEY, SCORE_MAP, VALID
from tests.tiny_model import tiny_contract, write_stamped

KERNEL_PX = 5
NOT_VALID_AT = 255
"""An image with a pixel of this grey is not valid."""


def write_local_model(path: Path, height_px: int, width_px: int, batch: int = 1) -> Path:
    """score = a lop-sided 5 × 5 filter of the image, clipped; class 2 where the grey is above 100, else 1.

    Whole numbers throughout, so that every size computes the same; beyond the edges all is 0, as is the padding.
    """
    maps = [batch, height_px, width_px]
    nodes = [
        helper.make_node("Cast", [INPUT], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["grey"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["filtered"], pads=[KERNEL_PX // 2] * 4),
        helper.make_node("Clip", ["filtered", "zero", "white"], ["clipped"]),
        helper.make_node("Squeeze", ["clipped", "channel"], ["plane"]),
        helper.make_node("Cast", ["plane"], [SCORE_MAP], to=TensorProto.UINT8),
        helper.make_node("Greater", ["planes", "middle"], ["bright"]),
        helper.make_node("Where", ["bright", "two", "one"], ["classes"]),
        helper.make_node("Squeeze", ["classes", "channel"], [CLASS_MAP]),
        helper.make_node("ReduceMax", ["planes", "image_axes"], ["brightest"], keepdims=0),
        helper.make_node("Less", ["brightest", "white"], ["sound"]),
        helper.make_node("Cast", ["sound"], [VALID], to=TensorProto.UINT8),
    ]
    kernel = np.random.default_rng(5).integers(-3, 4, (1, 1, KERNEL_PX, KERNEL_PX)).astype(np.float32)
    kernel[..., [0, -1], [0, -1]] = 2  # it does look as far as its corners
    constants = {
        "kernel": kernel,
        "zero": np.array(0, np.float32),
        "white": np.array(NOT_VALID_AT, np.float32),
        "middle": np.array(100, np.float32),
        "one": np.array(1, np.uint8),
        "two": np.array(2, np.uint8),
        "channel": np.array([1], np.int64),
        "image_axes": np.array([1, 2, 3], np.int64),
    }
    outputs = {CLASS_MAP: maps, SCORE_MAP: maps, VALID: [batch]}
    graph = helper.make_graph(
        nodes,
        "local",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [*maps, 1])],
        [helper.make_tensor_value_info(name, TensorProto.UINT8, dims) for name, dims in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    contract = tiny_contract()
    spec = contract.input.model_copy(
        update={"height_px": height_px, "width_px": width_px, "batch": batch, "pad_value": 0}
    )
    contract = contract.model_copy(update={"input": spec})
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: contract.model_dump_json()})
    return write_stamped(model, path)
