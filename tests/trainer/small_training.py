"""A training of seconds: procedural photos on disk, the smallest network, a folder and a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from agent.procedural import DEFECT_CLASSES, render_tile
from trainer.params import ModelParams, Params, Preset, load_params
from trainer.run import Run
from trainer.split_table import Row, write_split

ROOT = Path(__file__).parents[2]
NETWORK = ModelParams(
    architecture="unet",
    encoder="tu-resnet18",
    encoder_weights=None,
    options={"channels": [8, 8, 8, 8], "decoder_channels": [8, 8, 8, 8, 8]},
    logits_stride=2,
)
PRESET = {"input": {"height_px": 64, "width_px": 64, "channels": 1}, "model": NETWORK.model_dump()}
SHORT = {
    "max_steps": 12,
    "batch_size": 2,
    "workers": 0,
    "precision": "32-true",
    "validate_every_steps": 4,
    "save_every_steps": 1,
}
SPAWN = multiprocessing.get_context("forkserver")
SPAWN.set_forkserver_preload(["trainer.train"])  # torch is imported once for all of them


def small_params(**train: Any) -> Params:
    shipped = load_params(ROOT / "params.yaml")
    changed = shipped.train.model_copy(update=SHORT | train)
    photos_only = shipped.sampling.model_copy(update={"procedural_share": 0})
    return shipped.model_copy(
        update={"sampling": photos_only, "preset": "small", "presets": {"small": Preset(**PRESET)}, "train": changed}
    )


def write_small_data(folder: Path) -> None:
    """Photos, masks and data/split.csv."""
    rows, sides = [], []
    for kind in ("free", *DEFECT_CLASSES):
        for number in range(10 if kind == "free" else 4):
            path = Path(f"data/raw/MT_{kind.capitalize()}/Imgs/exp1_num_{number}.jpg")
            image, mask = render_tile(np.random.default_rng(len(rows)), kind, 56, 64)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / path), image)
            cv2.imwrite(str((folder / path).with_suffix(".png")), np.where(mask > 0, 255, 0).astype(np.uint8))
            rows.append(Row(path, kind, 1, len(rows), int(np.count_nonzero(mask))))
            sides.append("validation" if number % 2 else "train")
    write_split(rows, {"grouped": sides}, folder / "data/split.csv")


def training(folder: Path, params: Params) -> multiprocessing.process.BaseProcess:
    """A process that trains in `folder`; what it prints goes to said.txt there."""
    process = SPAWN.Process(target=train_in, args=(folder, params.model_dump_json()))
    process.start()
    return process


def train_in(folder: Path, params: str) -> None:
    from agent.errors import exit_on_error  # noqa: PLC0415
    from trainer.train import quieten, train_once  # noqa: PLC0415

    os.chdir(folder)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # results are the same to the last bit on one CPU thread only
    sys.stdout = sys.stderr = Path("said.txt").open("a")  # noqa: SIM115
    torch.set_num_threads(1)
    quieten()
    with exit_on_error():
        train_once(Run(), Params.model_validate(json.loads(params)))


def finished(folder: Path, params: Params) -> str:
    """Trains to the end; what it said."""
    process = training(folder, params)
    process.join()
    said = (folder / "said.txt").read_text()
    assert process.exitcode == 0, said
    return said
