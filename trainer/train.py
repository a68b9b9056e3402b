"""Stage train: split.csv and params.yaml → model.ckpt, the best of the run by validation quality."""

from __future__ import annotations

import warnings
from itertools import accumulate

import cv2
import lightning
import torch
from dvclive.lightning import DVCLiveLogger
from lightning.pytorch.callbacks import EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from torch.utils.data import DataLoader

from agent.errors import exit_on_error
from trainer.dataset import FixedTiles, TrainingTiles, load_samples, procedural_samples, with_truth
from trainer.model import QUALITY, Batch, SegmentationModel
from trainer.params import Params, TrainParams, load_params
from trainer.run import Run, asked_run
from trainer.split_table import read_split
from trainer.weights import load_encoder_weights

PROCEDURAL_VALIDATION_TILES = 60
VALIDATION_BATCH = 16


def training_loader(params: Params, split: str) -> DataLoader[Batch]:
    """First crops in large batches, then whole tiles."""
    samples = load_samples(with_truth(read_split(split, "train")), params.classes)
    batches = training_batches(params.train)
    crops = sum(len(batch) for batch in batches[: crop_steps(params.train)])
    return DataLoader(TrainingTiles(samples, params, crops), batch_sampler=batches, num_workers=params.train.workers)


def training_batches(train: TrainParams) -> list[list[int]]:
    """Sample numbers of every step."""
    first = crop_steps(train)
    sizes = [train.crop_batch_size] * first + [train.batch_size] * (train.max_steps - first)
    ends = list(accumulate(sizes))
    return [list(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]


def crop_steps(train: TrainParams) -> int:
    return int(train.crop_share * train.max_steps)


def validation_loader(params: Params, split: str) -> DataLoader[Batch]:
    """Real tiles of the validation groups, and procedural ones if the network is to know them."""
    samples = load_samples(with_truth(read_split(split, "validation")), params.classes)
    if params.sampling.procedural_share:
        samples += procedural_samples(params.train.seed + 1, PROCEDURAL_VALIDATION_TILES, params.classes)
    return DataLoader(FixedTiles(samples, params.input), batch_size=VALIDATION_BATCH)


def trainer(params: Params, run: Run) -> lightning.Trainer:
    train = params.train
    best = ModelCheckpoint(
        run.checkpoint.parent, run.checkpoint.stem, monitor=QUALITY, mode="max", enable_version_counter=False
    )
    average = EMAWeightAveraging(
        decay=train.ema_decay, update_starting_at_step=int(train.warmup_share * train.max_steps)
    )
    return lightning.Trainer(
        max_steps=train.max_steps,
        val_check_interval=min(train.validate_every_steps, train.max_steps),
        precision=train.precision,
        gradient_clip_val=train.gradient_clip,
        callbacks=[average, best, LearningRateMonitor("step"), TQDMProgressBar(refresh_rate=20)],
        logger=DVCLiveLogger(dir=str(run.reports / "train"), dvcyaml=None, report=None, save_dvc_exp=False),
        log_every_n_steps=20,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )


def main() -> None:
    run, params = asked_run("Train on one split."), load_params()
    cv2.setNumThreads(0)  # before any OpenCV call: its thread pool does not survive the fork of the workers
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    lightning.seed_everything(params.train.seed, workers=True)
    model = SegmentationModel(
        list(params.classes), params.input.model_dump(), params.model.model_dump(), params.train.model_dump()
    ).to(memory_format=torch.channels_last)
    load_encoder_weights(model.network, params.model, params.input.channels)
    trainer(params, run).fit(model, training_loader(params, run.split), validation_loader(params, run.split))


if __name__ == "__main__":
    with exit_on_error():
        main()
