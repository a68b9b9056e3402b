"""Where and in which precision a training computes; what this machine cannot do is one line before data are loaded."""

from __future__ import annotations

import os

import torch

from agent.errors import ConfigError
from trainer.params import Precision, TrainParams

FLOAT32: Precision = "32-true"
BF16: Precision = "bf16-mixed"
FP16: Precision = "16-mixed"
LEAST_BATCH = 2
"""Photos a process: BatchNorm has nothing to compare one with."""


def accelerator() -> str:
    """A GPU when there is one; Lightning's name."""
    return "gpu" if torch.cuda.is_available() else "cpu"


def check_devices(train: TrainParams) -> None:
    """ConfigError when fewer devices are there than asked for, or a batch cannot be shared by them."""
    there = torch.cuda.device_count() if accelerator() == "gpu" else len(os.sched_getaffinity(0))
    if train.devices > there:
        kind = "GPUs" if accelerator() == "gpu" else "processors and no GPU"
        raise ConfigError(f"train.devices {train.devices}: this machine has {there} {kind}: ask for at most {there}")
    processes = train.devices * train.num_nodes
    if train.batch_size % processes or train.batch_size < LEAST_BATCH * processes:
        raise ConfigError(
            f"train.batch_size {train.batch_size} cannot be shared by {processes} processes: make it a multiple of "
            f"that, at least {LEAST_BATCH * processes}"
        )


def has_bf16() -> bool:
    """Instructions of its own; emulated, it is slower than float32."""
    if accelerator() == "gpu":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return any(there for name, there in torch.cpu.get_capabilities().items() if "bf16" in name)


def choose_precision(asked: Precision, accelerator: str, bf16: bool) -> tuple[Precision, str]:
    """The precision to compute in and, when it is not the one asked for, the reason; ConfigError for fp16 on a CPU."""
    if asked == FP16 and accelerator == "cpu":
        raise ConfigError(f"train.precision {FP16} needs a GPU and there is none: set {BF16} or {FLOAT32}")
    if asked == BF16 and not bf16:
        return FLOAT32, f"precision {FLOAT32} instead of {BF16}: this {accelerator.upper()} has no bf16 instructions"
    return asked, ""
