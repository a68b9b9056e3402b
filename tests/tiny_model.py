"""A hand-made model file with a real contract: every dark pixel is a blowhole. No training, no torch."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from agent.model_contract import (
    CLASS_MAP,
    INPUT,
    METADATA_KEY,
    SCORE_MAP,
    VALID,
    GoldenSample,
    InputSpec,
    ModelContract,
)
from agent.model_digest import UNSTAMPED, stamped
from agent.procedural import DEFECT_CLASSES

SIDE_PX = 64


def write_tiny_model(
    path: Path,
    *,
    valid: int = 1,
    expected_px: int | None = None,
    contract: str | None = None,
    dark_below: int | None = None,
) -> Path:
    """score = 255 - grey, class 1 everywhere; with `dark_below`: 255 for darker pixels, else 0.

    `valid`, `expected_px`, `contract`: ways to make it wrong.
    """
    shape = [1, SIDE_PX, SIDE_PX]
    scoring = (
        [helper.make_node("Sub", ["white", "plane"], ["inverse"])]
        if dark_below is None
        else [
            helper.make_node("Less", ["plane", "limit"], ["dark"]),
            helper.make_node("Where", ["dark", "white", "zero"], ["inverse"]),
        ]
    )
    nodes = [
        helper.make_node("Cast", [INPUT], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["grey", "axes"], ["plane"], keepdims=0),
        *scoring,
        helper.make_node("Cast", ["inverse"], [SCORE_MAP], to=TensorProto.UINT8),
        helper.make_node("Identity", ["ones"], [CLASS_MAP]),
        helper.make_node("Identity", ["flag"], [VALID]),
    ]
    constants = {
        "axes": np.array([3], np.int64),
        "white": np.array(255, np.float32),
        "limit": np.array(dark_below or 0, np.float32),
        "zero": np.array(0, np.float32),
        "ones": np.ones(shape, np.uint8),
        "flag": np.array([valid], np.uint8),
    }
    outputs = {CLASS_MAP: shape, SCORE_MAP: shape, VALID: [1]}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [*shape, 1])],
        [helper.make_tensor_value_info(name, TensorProto.UINT8, dims) for name, dims in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: contract or tiny_contract(expected_px).model_dump_json()})
    return write_stamped(model, path)


def write_stamped(model: onnx.ModelProto, path: Path) -> Path:
    """As the export writes it."""
    path.write_bytes(stamped(model.SerializeToString()))
    return path


def tiny_contract(expected_px: int | None = None) -> ModelContract:
    """The contract of the tiny model, with one golden sample: a white tile with a black 10 × 10 px square."""
    tile = np.full((SIDE_PX, SIDE_PX), 255, np.uint8)
    tile[20:30, 20:30] = 0
    png = base64.b64encode(cv2.imencode(".png", tile)[1].tobytes()).decode()
    areas = dict.fromkeys(DEFECT_CLASSES, 0) | {"blowhole": 100 if expected_px is None else expected_px}
    return ModelContract(
        classes=("background", *DEFECT_CLASSES),
        input=InputSpec(height_px=SIDE_PX, width_px=SIDE_PX, channels=1, pad_value=255),
        thresholds=dict.fromkeys(DEFECT_CLASSES, 0.5),
        precision="fp32",
        metrics={},
        git_commit="none",
        data_md5="none",
        opset=18,
        producers={"onnx": onnx.__version__},
        golden=(GoldenSample(name="square", png_base64=png, areas_px=areas, tolerance_px=2),),
        digest=UNSTAMPED,
    )
