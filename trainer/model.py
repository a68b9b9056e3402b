"""The network under Lightning: loss, optimiser, validation. The checkpoint rebuilds it without params.yaml."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from agent.errors import ConfigError, first_line
from agent.model_contract import InputSpec
from trainer.losses import segmentation_loss
from trainer.network import Network
from trainer.params import ModelParams, TrainParams
from trainer.validation import ValidationScores

QUALITY = "quality"
Batch = tuple[Tensor, Tensor]


class SegmentationModel(lightning.LightningModule):
    """All arguments are plain values, so that Lightning can keep them in the checkpoint."""

    def __init__(self, classes: list[str], input: dict[str, Any], model: dict[str, Any], train: dict[str, Any]) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.classes = tuple(classes)
        self.spec = InputSpec(**input)
        self._train = TrainParams(**train)
        self.network = Network(ModelParams(**model), self.spec, len(classes) + 1)
        self._scores = ValidationScores(self.classes)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image)
        return logits

    def training_step(self, batch: Batch, _: int) -> Tensor:
        image, truth = batch
        loss = segmentation_loss(self(image), truth, self._train.highest_weight)
        self.log("loss", loss, prog_bar=True)
        return loss

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """What a step draws, as dropout does, depends on its number alone: a run that resumes draws the same."""
        draw = batch_idx * self.trainer.world_size + self.trainer.global_rank
        torch.manual_seed(self._train.seed * 1_000_003 + draw)

    def on_validation_epoch_start(self) -> None:
        self._scores.reset()
        if self.trainer.world_size > 1:  # BatchNorm's averages differ: judge those that are saved
            for buffer in self.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def validation_step(self, batch: Batch, _: int) -> None:
        image, truth = batch
        self._scores.update(self(image), truth)

    def on_validation_epoch_end(self) -> None:
        for name, value in self._scores.compute().items():
            self.log(name, value, prog_bar=name == QUALITY, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        train = self._train
        encoder = {id(one) for one in self.network.segmenter.encoder.parameters()}
        shared, own = train.lr * train.encoder_lr_share, train.lr
        optimizer = torch.optim.AdamW(
            [
                {"params": [one for one in self.parameters() if id(one) in encoder], "lr": shared},
                {"params": [one for one in self.parameters() if id(one) not in encoder], "lr": own},
            ],
            weight_decay=train.weight_decay,
        )
        steps = max(train.max_steps, 2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [shared, own], total_steps=steps, pct_start=max(train.warmup_share, 2 / steps)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def load_model(path: Path) -> SegmentationModel:
    """The trained model in evaluation mode; ConfigError when there is none or it is another program's."""
    if not path.exists():
        raise ConfigError(f"{path}: no such checkpoint: run 'dvc repro train' (or 'dvc pull')")
    try:
        model = SegmentationModel.load_from_checkpoint(path, map_location="cpu")
    except (KeyError, RuntimeError, TypeError, ValueError, UnpicklingError) as error:
        raise ConfigError(f"{path}: not a checkpoint of this trainer ({first_line(error)}): train again") from error
    return model.eval()
