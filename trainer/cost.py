"""What a network costs: multiply-accumulates of one image, the same on every machine."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from agent.model_contract import InputSpec
from trainer.network import Network

FLOPS_PER_GMAC = 2e9


def gmac(network: Network, spec: InputSpec) -> float:
    """10⁹ multiply-accumulates of the convolutions and matrix products for one image of the input's size."""
    image = torch.zeros((1, spec.height_px, spec.width_px, spec.channels), dtype=torch.uint8)
    was_training = network.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(image)
    network.train(was_training)
    return float(counter.get_total_flops()) / FLOPS_PER_GMAC
