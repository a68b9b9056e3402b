"""Weights that an encoder starts from: somebody else's training on ImageNet is worth hours of ours."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from agent.errors import ConfigError, first_line
from trainer.network import Network, build_segmenter
from trainer.params import ModelParams
from trainer.weights_file import IMAGENET, find_file

State = dict[str, Tensor]
UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    ArithmeticError,
    UnpicklingError,
    struct.error,
    SafetensorError,
)
"""What torch and safetensors raise at a file that is damaged or something else."""


def load_encoder_weights(network: Network, params: ModelParams, channels: int) -> None:
    """Bring the weights that `params` asks for into the network's encoder; ConfigError says why it cannot be."""
    encoder, source = network.segmenter.encoder, params.encoder_weights
    if source == IMAGENET:
        encoder.load_state_dict(fetch_imagenet(params, channels))
    elif source is not None:
        fill(encoder, read_state(find_file(source)), source)


def fetch_imagenet(params: ModelParams, channels: int) -> State:
    """From the hub or its cache on disk; smp and timm fit the first layer to the channels."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # the hub's client warns at each of its tries
    weights = True if params.encoder.startswith("tu-") else IMAGENET
    try:
        state: State = build_segmenter(params, channels, 1, weights).encoder.state_dict()
    except OSError as error:
        raise ConfigError(
            f"encoder_weights {IMAGENET}: {params.encoder} cannot be fetched from the hub ({first_line(error)}): "
            "run once with network, or name a file or package:… instead"
        ) from error
    return state


def read_state(path: Path) -> State:
    """The tensors in the file, in its order; no code in the file is ever run."""
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except UNREADABLE as error:
        raise ConfigError(f"encoder_weights {path}: not a file of weights ({first_line(error)})") from error
    if not isinstance(state, dict) or not all(isinstance(one, Tensor) for one in state.values()):
        raise ConfigError(f"encoder_weights {path}: not a state dict: save the network's state_dict() alone")
    return state


def fill(encoder: nn.Module, state: State, source: str) -> None:
    """ConfigError names the first tensor that does not fit; nothing is loaded then."""
    fitted = {}
    own, theirs = without_counters(encoder.state_dict()), without_counters(state)
    for (name, mine), (their_name, given) in match(own, theirs, source):
        fitted[name] = for_channels(given, mine)
        if fitted[name].shape != mine.shape:
            raise ConfigError(
                f"encoder_weights {source}: {their_name} is {list(given.shape)}, the encoder's {name} is "
                f"{list(mine.shape)}: these are another network's weights"
            )
    encoder.load_state_dict(fitted, strict=False)


def match(own: State, theirs: State, source: str) -> Iterable[tuple[tuple[str, Tensor], tuple[str, Tensor]]]:
    """Each tensor of the encoder with its counterpart: by name, or by place.

    Another implementation names its layers differently but lists them in the same order. What comes after the
    encoder's last tensor is the classifier, which is not wanted.
    """
    names = {name: name.removeprefix("model.") for name in own}  # smp's name for timm's network in it
    if theirs.keys() >= set(names.values()):
        return [((name, own[name]), (names[name], theirs[names[name]])) for name in own]
    if len(theirs) < len(own):
        raise ConfigError(
            f"encoder_weights {source}: {len(theirs)} tensors, the encoder has {len(own)}: another network's weights"
        )
    return zip(own.items(), islice(theirs.items(), len(own)), strict=True)


def without_counters(state: State) -> State:
    """Without BatchNorm's numbers of batches, which older files lack and nothing here reads."""
    return {name: tensor for name, tensor in state.items() if tensor.dim()}


def for_channels(given: Tensor, mine: Tensor) -> Tensor:
    """A first layer for colour, summed for a grey photo: it answers as to a photo whose three channels are alike."""
    colour_for_grey = given.dim() == mine.dim() == 4 and (given.shape[1], mine.shape[1]) == (3, 1)
    return given.sum(dim=1, keepdim=True) if colour_for_grey else given
