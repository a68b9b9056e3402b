"""How far a training is: a moving bar in a terminal, one line a validation in a log file."""

from __future__ import annotations

import sys
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from lightning.pytorch.utilities import rank_zero_only

from trainer.model import QUALITY


def progress() -> Callback:
    return Bar(refresh_rate=20) if sys.stderr.isatty() else Lines()


class Bar(TQDMProgressBar):
    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Without the logger's version, which no line has room for."""
        return {name: value for name, value in super().get_metrics(trainer, pl_module).items() if name != "v_num"}


class Lines(Callback):
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start_s, self._start_step = time.monotonic(), trainer.global_step

    @rank_zero_only
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        step, found = trainer.global_step, trainer.callback_metrics
        step_s = (time.monotonic() - self._start_s) / max(step - self._start_step, 1)
        print(
            f"step {step} of {trainer.max_steps}, {step_s * (trainer.max_steps - step) / 60:.0f} min left: "
            f"loss {found['loss']:.3f}, {QUALITY} {found[QUALITY]:.4f}",
            flush=True,
        )
