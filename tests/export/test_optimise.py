"""The variants: typed as they say, close to what they were made of, and a self-test that is their own."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from agent.errors import ConfigError
from agent.model_contract import INPUT
from agent.preprocess import letterbox
from agent.segmenter import Segmenter
from export.backbone import convolutions, observed, outside
from export.bias_correction import correct_biases
from export.equalisation import RANGE, equalise, tied
from export.golden import Answered
from export.graph import to_onnx
from export.half import to_half
from export.optimise import write_variant
from export.quantise import to_int8
from tests.export.small_model import PARAMS, SPEC
from trainer.dataset import Sample, procedural_samples
from trainer.network import Network
from trainer.params import ModelParams

OPTIMISE = PARAMS.optimise
IMAGES = [sample.image for sample in procedural_samples(6, 24, PARAMS.classes)]


@pytest.fixture(scope="module")
def graph(exported: Path) -> onnx.ModelProto:
    return onnx.load(exported)


@pytest.fixture(scope="module")
def int8(graph: onnx.ModelProto) -> onnx.ModelProto:
    return to_int8(graph, IMAGES, SPEC, OPTIMISE)


def scores(model: onnx.ModelProto, samples: list[Sample]) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    shown = [letterbox(sample.image, SPEC)[0][None] for sample in samples]
    return np.stack([session.run(["score_map"], {INPUT: image})[0] for image in shown]).astype(int)


def kinds(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def test_fp16_is_an_island(graph: onnx.ModelProto, samples: list[Sample]) -> None:
    half = to_half(graph)
    onnx.checker.check_model(half, full_check=True)
    typed = kinds(half)
    weights = [node.input[1] for node in half.graph.node if node.op_type == "Conv"]
    assert len(weights) == len(convolutions(graph))
    assert {typed[name] for name in weights} == {TensorProto.FLOAT16}
    around = [node for node in half.graph.node if node.name in outside(graph)]
    assert not any(typed.get(name) == TensorProto.FLOAT16 for node in around for name in node.input)
    assert sum(node.op_type == "Cast" for node in half.graph.node) <= 2 + sum(n.op_type == "Cast" for n in around)
    apart = np.abs(scores(half, samples) - scores(graph, samples))
    assert 0 < apart.max() <= 4


def test_int8_leaves_in_float_what_it_is_told_to(graph: onnx.ModelProto, int8: onnx.ModelProto) -> None:
    typed = kinds(int8)
    dequantised = {n.output[0]: n.input[0] for n in int8.graph.node if n.op_type == "DequantizeLinear"}
    rounded = {n.name: dequantised.get(n.input[1]) for n in int8.graph.node if n.op_type == "Conv"}
    in_float = [name for name in convolutions(graph) if not rounded[name]]
    assert len(in_float) == OPTIMISE.first_float + 1
    assert in_float[0] == convolutions(graph)[0]
    assert in_float[-1] == convolutions(graph)[-1]
    assert {typed[name] for name in rounded.values() if name} == {TensorProto.INT8}
    activations = {typed[n.input[2]] for n in int8.graph.node if n.op_type == "QuantizeLinear"}
    assert activations == {TensorProto.UINT8}


def test_int8_answers_nearly_as_it_did(graph: onnx.ModelProto, int8: onnx.ModelProto, samples: list[Sample]) -> None:
    apart = np.abs(scores(int8, samples) - scores(graph, samples))
    assert 0 < apart.mean() < 4


def test_as_many_images_as_the_quantiser_takes_at_a_time(graph: onnx.ModelProto) -> None:
    to_int8(graph, IMAGES[:8], SPEC, OPTIMISE)


def test_nothing_left_to_round_is_one_line(graph: onnx.ModelProto) -> None:
    params = OPTIMISE.model_copy(update={"first_float": 99})
    with pytest.raises(ConfigError, match=r"optimise.first_float 99: the network has \d+ convolutions: lower it"):
        to_int8(graph, IMAGES, SPEC, params)


def test_equalised_channels_have_one_range_and_the_graph_computes_what_it_did(
    graph: onnx.ModelProto, samples: list[Sample]
) -> None:
    equalised = copy.deepcopy(graph)
    shown = [{INPUT: letterbox(image, SPEC)[0][None]} for image in IMAGES]
    equalise(equalised, shown)
    assert np.abs(scores(equalised, samples) - scores(graph, samples)).max() <= 1
    together = tied(equalised)
    peaks: dict[str, np.ndarray] = {}
    for seen in observed(equalised, list(together), shown):
        for name, value in seen.items():
            peak = np.abs(value).max((0, 2, 3))
            peaks[together[name]] = np.maximum(peaks.get(together[name], 0), peak)
    assert len(peaks) > 20
    for group, peak in peaks.items():
        assert np.isclose(peak.max(), RANGE, rtol=1e-3), group
        assert np.mean(np.isclose(peak, RANGE, rtol=1e-3)) >= 0.5, group


ARCHITECTURES = [
    ("unet", "resnet34"),
    ("fpn", "resnet18"),
    ("deeplabv3plus", "mobilenet_v2"),
    ("segformer", "tu-resnet18"),
]


@pytest.mark.parametrize(("architecture", "encoder"), ARCHITECTURES)
def test_other_networks_go_the_same_way(architecture: str, encoder: str) -> None:
    """What they compute is small and random: close is close to what there is."""
    torch.manual_seed(4)
    asked = ModelParams(architecture=architecture, encoder=encoder, encoder_weights=None)
    network = Network(asked, SPEC, len(PARAMS.classes) + 1)
    for _ in range(2):
        network(torch.randint(0, 255, (4, SPEC.height_px, SPEC.width_px, 1), dtype=torch.uint8))
    graph = to_onnx(network.eval(), SPEC, PARAMS.export.opset)
    some = procedural_samples(7, 4, PARAMS.classes)
    exact = scores(graph, some)
    for variant, apart in ((to_half(graph), 2), (to_int8(graph, IMAGES, SPEC, OPTIMISE), 20)):
        assert np.abs(scores(variant, some) - exact).mean() < apart


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_corrected_bias_takes_back_what_rounding_adds(groups: int) -> None:
    """On average over the images, of each channel, of a convolution whose weights are rounded; depthwise, too."""
    rng = np.random.default_rng(groups)
    weight = rng.normal(size=(8, 4 // groups, 3, 3)).astype(np.float32)
    grey = rng.random((3, 1, 4, 1, 1), dtype=np.float32) * 5
    images = [{"x": np.broadcast_to(one, (1, 4, 6, 6))} for one in grey]
    rounded = weight / (scale := np.abs(weight).max((1, 2, 3), keepdims=True) / 127)
    for biased in (True, False):
        model = convolution(weight, biased, groups)
        wanted = means(model, images)
        off = means(convolution((np.round(rounded) * scale).astype(np.float32), biased, groups), images)
        correct_biases(model, ["conv"], images)
        bias = numpy_helper.to_array(model.graph.initializer[1]) - biased
        assert np.abs(off - wanted).max() > 1e-3
        np.testing.assert_allclose(off + bias, wanted, atol=1e-4)


def convolution(weight: np.ndarray, biased: bool, groups: int) -> onnx.ModelProto:
    node = helper.make_node("Conv", ["x", "w", "b"] if biased else ["x", "w"], ["y"], name="conv", group=groups)
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 6])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 4, 4])
    weights = [numpy_helper.from_array(weight, "w")]
    weights += [numpy_helper.from_array(np.ones(8, np.float32), "b")] if biased else []
    graph = helper.make_graph([node], "g", [taken], [given], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def means(model: onnx.ModelProto, images: list[dict[str, Any]]) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.mean([session.run(None, image)[0].mean((0, 2, 3)) for image in images], axis=0)


def test_a_variant_is_tested_by_its_own_answers(
    exported: Path, int8: onnx.ModelProto, samples: list[Sample], tmp_path: Path
) -> None:
    """On a device that gives others it is refused, and the line says which file to take instead."""
    described = Segmenter(exported).contract.model_copy(update={"precision": "int8"})
    path, exact = tmp_path / "int8.onnx", PARAMS.export.model_copy(update={"golden_tolerance_px": 0})

    def answer(segmenter: Segmenter) -> list[Answered]:
        return [(sample, segmenter.segment(sample.image)) for sample in samples]

    write_variant(int8, described, path, answer, exact)
    variant = Segmenter(path)
    assert variant.contract.precision == "int8"
    variant.self_test()
    sure = [(sample, replace(found, score_map=np.full_like(found.score_map, 255))) for sample, found in answer(variant)]
    write_variant(int8, described, path, lambda _: sure, exact)
    with pytest.raises(ConfigError, match="computes differently, take the fp32 file of this model, not int8"):
        Segmenter(path).self_test()
