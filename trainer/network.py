"""uint8 photo → logits per class: the network as it is trained, measured and exported."""

from __future__ import annotations

from textwrap import shorten
from typing import Any

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn

from agent.errors import ConfigError
from agent.model_contract import InputSpec
from trainer.params import ModelParams

DARKEST = 0.02
"""Mean grey (of 1) below which a photo is not brightened any further."""
CONTRAST = 2.0
"""A tile's grey varies by about half of its mean; encoders with weights know inputs that vary by about 1."""


class Network(nn.Module):
    """A segmentation network behind the normalisation, so that no caller can normalise differently.

    Its weights are random: trainer.weights brings those of the encoder, a checkpoint brings all.
    """

    def __init__(self, params: ModelParams, spec: InputSpec, classes: int) -> None:
        """ConfigError: smp or timm knows no such network, or it cannot halve the input so often."""
        super().__init__()
        self._pad_value = spec.pad_value
        self.segmenter = build_segmenter(params, spec.channels, classes)
        check_size(self.segmenter, spec)
        for module in self.segmenter.encoder.modules():
            if is_slow_in_bf16(module):
                module.__class__ = Float32Conv2d  # names and weights stay, so a checkpoint knows nothing of it

    def forward(self, image: Tensor) -> Tensor:
        """uint8 B×H×W×C → float32 B×classes×H×W."""
        logits: Tensor = self.segmenter(self._normalise(image.permute(0, 3, 1, 2)))
        return logits.float()

    def _normalise(self, image: Tensor) -> Tensor:
        """Divide by the photo's mean grey, padding aside: one tile looks alike in all its exposures."""
        grey = image.float() / 255
        shown = (image != self._pad_value).float()
        mean = (grey * shown).sum(dim=(1, 2, 3), keepdim=True) / shown.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
        return (CONTRAST * (grey / mean.clamp(min=DARKEST) - 1)).contiguous(memory_format=torch.channels_last)


class Float32Conv2d(nn.Conv2d):
    """Computes in float32 under a CPU's autocast, and otherwise as Conv2d does."""

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float()).to(input.dtype)


def is_slow_in_bf16(module: nn.Module) -> bool:
    """oneDNN's bf16 backward of these depthwise convolutions takes 3 to 5 times as long as that in float32."""
    return type(module) is nn.Conv2d and module.groups > 1 and (max(module.stride) > 1 or max(module.kernel_size) > 3)


def build_segmenter(params: ModelParams, channels: int, classes: int, weights: str | bool | None = None) -> Any:
    """smp's network, at most without its decoder's last block; ConfigError when smp or timm refuse the parameters."""
    try:
        segmenter = smp.create_model(
            params.architecture,
            params.encoder,
            encoder_weights=weights,
            in_channels=channels,
            classes=classes,
            **params.options,
        )
    except (KeyError, ValueError, TypeError, RuntimeError, AssertionError) as error:
        reason = shorten(str(error.args[0] if error.args else error), 160, placeholder=" …")
        raise ConfigError(f"no network {params.architecture} of {params.encoder}: {reason}: mend the preset") from error
    if params.logits_stride == 2:
        end_at_half_resolution(segmenter, classes)
    return segmenter


def end_at_half_resolution(segmenter: Any, classes: int) -> None:
    """Logits of every other pixel, magnified: the last block has no pixels of the encoder's to add, yet its price."""
    if not isinstance(segmenter.decoder, UnetDecoder):
        raise ConfigError("logits_stride 2 is known of unet only: take 1, or mend the preset's architecture")
    *kept, last = segmenter.decoder.blocks
    segmenter.decoder.blocks = nn.ModuleList(kept)
    segmenter.segmentation_head = SegmentationHead(last.conv1[0].in_channels, classes, upsampling=2)


def check_size(segmenter: Any, spec: InputSpec) -> None:
    """ConfigError unless the encoder can halve both sides of the input to the end."""
    stride = int(segmenter.encoder.output_stride)
    if spec.height_px % stride or spec.width_px % stride:
        raise ConfigError(f"input of {spec.height_px}×{spec.width_px} px: this encoder needs multiples of {stride} px")
