"""uint8 photo → logits per class: the network as it is trained, measured and exported."""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from agent.model_contract import InputSpec
from trainer.params import ModelParams

DARKEST = 0.02
"""Mean grey (of 1) below which a photo is not brightened any further."""


class Network(nn.Module):
    """A segmentation network behind the normalisation, so that no caller can normalise differently."""

    def __init__(self, params: ModelParams, spec: InputSpec, classes: int) -> None:
        super().__init__()
        self._pad_value = spec.pad_value
        self.segmenter = smp.create_model(
            params.architecture,
            params.encoder,
            encoder_weights=params.encoder_weights,
            in_channels=spec.channels,
            classes=classes,
            **params.options,
        )

    def forward(self, image: Tensor) -> Tensor:
        """uint8 B×H×W×C → float32 B×classes×H×W."""
        logits: Tensor = self.segmenter(self._normalise(image.permute(0, 3, 1, 2)))
        return logits.float()

    def _normalise(self, image: Tensor) -> Tensor:
        """Divide by the photo's mean grey, padding aside: one tile looks alike in all its exposures."""
        grey = image.float() / 255
        shown = (image != self._pad_value).float()
        mean = (grey * shown).sum(dim=(1, 2, 3), keepdim=True) / shown.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
        return (grey / mean.clamp(min=DARKEST) - 1).contiguous(memory_format=torch.channels_last)
