"""Torch → ONNX: the static graph with its decision layer, BatchNorm folded into the convolutions."""

from __future__ import annotations

import copy
import tempfile
from itertools import pairwise
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from agent.model_contract import CLASS_MAP, INPUT, SCORE_MAP, VALID, InputSpec
from trainer.inference import InferenceGraph
from trainer.network import Network


def to_onnx(network: Network, spec: InputSpec, opset: int) -> onnx.ModelProto:
    """uint8 in, uint8 out, every shape fixed."""
    graph = InferenceGraph(folded(network)).eval()
    example = torch.zeros((spec.batch, spec.height_px, spec.width_px, spec.channels), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        torch.onnx.export(
            graph,
            (example,),
            path,
            input_names=[INPUT],
            output_names=[CLASS_MAP, SCORE_MAP, VALID],
            opset_version=opset,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return onnx.load(path)


def folded(network: Network) -> Network:
    """A copy in evaluation mode whose BatchNorms are part of the convolutions before them."""
    plain = copy.deepcopy(network).eval().to(memory_format=torch.contiguous_format)
    for module in list(plain.modules()):
        children = list(module.named_children())
        for (_, convolution), (name, norm) in pairwise(children):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                _fold(module, convolution, name, norm)
    return plain


def _fold(parent: nn.Module, convolution: nn.Conv2d, name: str, norm: nn.BatchNorm2d) -> None:
    fused = fuse_conv_bn_eval(convolution, norm)
    convolution.weight, convolution.bias = fused.weight, fused.bias
    setattr(parent, name, getattr(norm, "act", nn.Identity()))  # timm's BatchNormAct2d activates, too
