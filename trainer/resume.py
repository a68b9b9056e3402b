"""A training that was killed goes on where it was, if it is the same training.

Until it is done, all that it writes lies in <run>/unfinished: the last state, the best checkpoint so far, the log.
DVC removes a stage's outputs before it runs the stage again, so none of these may be one.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from agent.errors import ConfigError, first_line
from trainer.check_packages import frozen
from trainer.params import Params
from trainer.run import Run
from trainer.split_table import read_split
from trainer.weights import UNREADABLE
from trainer.weights_file import told_weights

IDENTITY = "identity"
NEEDED = ("state_dict", "hyper_parameters", "pytorch-lightning_version", "global_step", "epoch", IDENTITY)
"""Of a checkpoint, by those who use the model: not the optimiser, which is twice as large."""
CODE = ("trainer", "agent")


class Unfinished:
    """The files of a training under way."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.folder = run.folder / "unfinished"
        self.last = self.folder / "last.ckpt"
        self.best = self.folder / "best.ckpt"
        self.log = self.folder / "log"

    def resumable(self, identity: dict[str, str]) -> tuple[Path | None, str]:
        """The last state if it belongs to this training, and a line that says how it goes on."""
        if not self.last.exists():
            return None, ""
        try:
            state = read_state(self.last)
            other = [what for what in identity if state[IDENTITY].get(what) != identity[what]]
        except (zipfile.BadZipFile, *UNREADABLE) as error:
            return None, f"{self.last} is damaged ({first_line(error)}): training starts anew"
        if other:
            return None, f"{self.last} is of a training with other {', '.join(other)}: training starts anew"
        return self.last, f"training goes on after step {state['global_step']}"

    def begin(self, state: Path | None) -> None:
        """Drop what an abandoned training left; of one that goes on, what it logged after its last state."""
        if state is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        for table in self.log.rglob("*.tsv"):
            forget_after(int(read_state(state)["global_step"]), table)

    def finish(self) -> None:
        """Lay checkpoint and log where the pipeline expects them; killed in between, the next start does it again."""
        best = torch.load(self.best, "cpu", weights_only=True)
        AtomicFiles().save_checkpoint({name: best[name] for name in NEEDED}, self._run.checkpoint)
        reports = self._run.reports / "train"
        shutil.rmtree(reports, ignore_errors=True)
        shutil.copytree(self.log, reports)
        self.last.unlink(missing_ok=True)
        shutil.rmtree(self.folder)


class AtomicFiles(TorchCheckpointIO):
    """A checkpoint is there in full or not at all, even if the process is killed while it writes."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        partial = Path(f"{path}.partial")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            torch.save(checkpoint, partial)
            os.replace(partial, path)
        except (OSError, RuntimeError) as error:  # torch's own writer raises the latter when the disk is full
            with suppress(OSError):
                partial.unlink()
            raise ConfigError(
                f"{path} cannot be written ({first_line(error)}): make room and start again: it goes on where it was"
            ) from error


class LastState(Checkpoint):
    """Keeps the state of the whole training: every so many steps, and after a validation has been judged."""

    def __init__(self, path: Path, every_steps: int, identity: dict[str, str]) -> None:
        self._path, self._every_steps, self._identity = path, every_steps, identity

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        validates = trainer.global_step % int(trainer.val_check_batch or 1) == 0  # its result belongs to this state
        if trainer.global_step % self._every_steps == 0 and not validates:
            trainer.save_checkpoint(self._path)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.save_checkpoint(self._path)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt) and trainer.is_global_zero:
            print("stopped: started again, it goes on from its last state", file=sys.stderr)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint[IDENTITY] = self._identity


def training_identity(params: Params, split: str) -> dict[str, str]:
    """What makes two trainings the same one: with all of this alike, a state of one is a state of the other."""
    shaping = params.model_dump(mode="json", include={"classes", "train", "sampling", "augment"})
    network = params.presets[params.preset].model_dump(mode="json")
    rows = [row for side in ("train", "validation") for row in read_split(split, side)]
    files = sorted(path for row in rows for path in (row.path, row.tile.mask_path))  # whichever side they are on
    return {
        "parameters": digest(json.dumps([shaping, network], sort_keys=True).encode()),
        "split": digest(repr(rows).encode()),
        "photos": digest(*(sha256_of(path) for path in files)),
        "packages": digest(frozen().encode()),
        "encoder weights": told_weights(params.model.encoder_weights),
        "code": digest(*(path.read_bytes() for path in loaded_code())),
    }


def loaded_code() -> list[Path]:
    """The source files of ours that this process runs: an edit of another stage's code does not matter."""
    homes = {Path(str(sys.modules[name].__file__)).parent for name in CODE}
    paths = {Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    return sorted(path for path in paths if path.parent in homes)


def sha256_of(path: Path) -> bytes:
    """Of a photo or a mask, which a good part may lack; a missing photo is told by who reads it."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()


def read_state(path: Path) -> dict[str, Any]:
    """The checkpoint, its checksums compared; one of UNREADABLE when it is damaged."""
    with zipfile.ZipFile(path) as archive:
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"{damaged} has changed")
    state: dict[str, Any] = torch.load(path, "cpu", weights_only=True)
    return state


def forget_after(step: int, table: Path) -> None:
    """Of one of DVCLive's tables, keep the header and the rows before `step`, which it counts from 0."""
    with table.open(newline="") as source:
        header, *rows = list(csv.reader(source, delimiter="\t"))
    kept = [row for row in rows if int(row[header.index("step")]) < step]
    with table.open("w", newline="") as sink:
        csv.writer(sink, delimiter="\t", lineterminator="\n").writerows([header, *kept])
