"""The network with the decision layer of DESIGN §3.1: what is exported, and what evaluate and verify compare with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agent.errors import NoDecision
from agent.inspection import Image, Reason
from agent.judge import Segmentation
from agent.model_contract import InputSpec
from agent.preprocess import letterbox
from trainer.network import Network

LARGEST_SUM = 3.0e38
"""Near float32's end; a sum of logits that is larger or NaN comes from a logit that is not finite."""


class InferenceGraph(nn.Module):
    """uint8 B×H×W×C → class_map, score_map (uint8 B×H×W) and valid (uint8 B)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits = self.network(image)
        best, index = logits[:, 1:].max(dim=1, keepdim=True)
        # softmax of the best defect class, written so that background can lower its score but never hide it
        score = 255 / (logits - best).exp().sum(dim=1)
        valid = logits.sum(dim=(1, 2, 3)).abs() <= LARGEST_SUM
        return (index[:, 0] + 1).to(torch.uint8), score.round().to(torch.uint8), valid.to(torch.uint8)


class TorchSegmenter:
    """Answers as agent.segmenter.Segmenter does, computed by torch from the checkpoint."""

    def __init__(self, network: Network, spec: InputSpec) -> None:
        self._graph = InferenceGraph(network).eval()
        self._spec = spec

    def segment(self, image: Image) -> Segmentation:
        """Raises NoDecision when a logit is not finite."""
        boxed, box = letterbox(image, self._spec)
        with torch.inference_mode():
            class_map, score_map, valid = self._graph(torch.from_numpy(boxed)[None])
        if not bool(valid[0]):
            raise NoDecision(Reason.OUTPUT_INVALID, "a logit of the network is not finite")
        return Segmentation(class_map[0].numpy(), score_map[0].numpy(), box)
