"""Stage train: split.csv and params.yaml → model.ckpt, the best of the run by validation quality."""

from __future__ import annotations

import logging
import sys
import warnings

import cv2
import lightning
import torch
from dvclive.lightning import DVCLiveLogger
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    EMAWeightAveraging,
    LearningRateMonitor,
    ModelCheckpoint,
)
from lightning.pytorch.utilities import rank_zero_only

from agent.errors import ConfigError, exit_on_error, first_line
from trainer.device import accelerator, check_devices, choose_precision, has_bf16
from trainer.model import QUALITY, SegmentationModel
from trainer.params import Params, TrainParams, load_params
from trainer.progress import progress
from trainer.resume import AtomicFiles, LastState, Unfinished, training_identity
from trainer.run import Run, asked_run
from trainer.training_data import TrainingData
from trainer.weights import load_encoder_weights

LOG_EVERY_STEPS = 20


def train_once(run: Run, params: Params) -> None:
    """One training from its start, or from where it was killed, to its checkpoint and reports."""
    check_devices(params.train)
    unfinished = Unfinished(run)
    identity = training_identity(params, run.split)
    state, message = unfinished.resumable(identity)
    trainer, model = make_trainer(params.train, unfinished, identity, resumes=state is not None), make_model(params)
    say(message)
    if trainer.is_global_zero:
        unfinished.begin(state)
    trainer.fit(model, datamodule=TrainingData(params, run.split), ckpt_path=state, weights_only=True)
    if trainer.is_global_zero:
        unfinished.finish()


def make_model(params: Params) -> SegmentationModel:
    """With the encoder's first weights; ConfigError when there is no such network, or no such weights."""
    lightning.seed_everything(params.train.seed, workers=True, verbose=False)
    model = SegmentationModel(
        list(params.classes), params.input.model_dump(), params.model.model_dump(), params.train.model_dump()
    ).to(memory_format=torch.channels_last)
    load_encoder_weights(model.network, params.model, params.input.channels)
    return model


def make_trainer(
    train: TrainParams, unfinished: Unfinished, identity: dict[str, str], resumes: bool
) -> lightning.Trainer:
    """Lightning's, on the devices that params ask for; ConfigError when it cannot be had."""
    precision, reason = choose_precision(train.precision, accelerator(), has_bf16())
    say(reason)
    try:
        return lightning.Trainer(
            accelerator=accelerator(),
            devices=train.devices,
            num_nodes=train.num_nodes,
            strategy=train.strategy,
            use_distributed_sampler=False,  # TrainingData shares the samples out
            precision=precision,
            max_epochs=1,  # of max_steps batches
            max_steps=train.max_steps,
            val_check_interval=validation_interval(train),
            gradient_clip_val=train.gradient_clip,
            callbacks=make_callbacks(train, unfinished, identity),
            plugins=[AtomicFiles()],
            logger=DVCLiveLogger(
                dir=str(unfinished.log), resume=resumes, dvcyaml=None, report=None, save_dvc_exp=False
            ),
            log_every_n_steps=min(LOG_EVERY_STEPS, train.max_steps),
            num_sanity_val_steps=0,
            enable_model_summary=False,
            enable_progress_bar=sys.stderr.isatty(),
        )
    except (ValueError, RuntimeError, ImportError) as error:
        raise ConfigError(f"train.strategy {train.strategy}, devices {train.devices}: {first_line(error)}") from error


def make_callbacks(train: TrainParams, unfinished: Unfinished, identity: dict[str, str]) -> list[Callback]:
    """The last state must see what all the others have done."""
    return [
        EMAWeightAveraging(decay=train.ema_decay, update_starting_at_step=int(train.warmup_share * train.max_steps)),
        LearningRateMonitor("step"),
        EarlyStopping(QUALITY, patience=train.patience, mode="max", check_on_train_epoch_end=False),
        progress(),
        ModelCheckpoint(
            unfinished.folder, unfinished.best.stem, monitor=QUALITY, mode="max", enable_version_counter=False
        ),
        LastState(unfinished.last, train.save_every_steps, identity),
    ]


def validation_interval(train: TrainParams) -> int:
    """Near what is asked for, and such that the last steps, which are the best, are validated, too."""
    return train.max_steps // max(1, round(train.max_steps / train.validate_every_steps))


@rank_zero_only
def say(line: str) -> None:
    if line:
        print(line, flush=True)


def quieten() -> None:
    """OpenCV's threads and Lightning's hints to programmers, all known."""
    cv2.setNumThreads(0)  # before any OpenCV call: its thread pool does not survive the fork of the workers
    warnings.filterwarnings("ignore", module="lightning")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)


def main() -> None:
    run, params = asked_run("Train on one split."), load_params()
    quieten()
    train_once(run, run.schedule(params))


if __name__ == "__main__":
    with exit_on_error():
        main()
