"""A training survives its death, shares its work among processes, and refuses what cannot be done in one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from agent.errors import ConfigError
from tests.trainer.small_training import ROOT, finished, small_params, training, write_small_data
from trainer.cost import gmac
from trainer.dataset import FixedTiles, load_samples
from trainer.device import choose_precision
from trainer.model import SegmentationModel, load_model
from trainer.network import Network
from trainer.params import Params, load_params
from trainer.resume import AtomicFiles, Unfinished, training_identity
from trainer.run import Run
from trainer.split_table import Row, read_split
from trainer.train import make_trainer, train_once, validation_interval
from trainer.training_data import BatchList, TrainingData, share
from trainer.validation import ValidationScores
from trainer.weights_file import told_weights

UNFINISHED = Path("unfinished/last.ckpt")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "checkpoints/model.ckpt", weights_only=True)["state_dict"]
    return state


def logged(folder: Path) -> dict[str, str]:
    tables = (folder / "reports/train").rglob("*.tsv")
    return {table.name: table.read_text() for table in tables}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    write_small_data(folder)
    finished(folder, small_params())
    return folder


def kill_after_a_new_state(folder: Path, params: Params, steps: int) -> None:
    """SIGKILL as soon as the last state is of a step from `steps` on; it does not run on while we look."""
    process = training(folder, params)
    pid = int(process.pid or 0)
    while not reached(folder, steps, pid):
        assert process.is_alive(), (folder / "said.txt").read_text()
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    process.join()
    assert not (folder / "checkpoints/model.ckpt").exists(), "it was done before it was killed"


def reached(folder: Path, steps: int, pid: int) -> bool:
    """If so, the process is left stopped."""
    os.kill(pid, signal.SIGSTOP)
    if saved_step(folder) >= steps:
        return True
    os.kill(pid, signal.SIGCONT)
    return False


def saved_step(folder: Path) -> int:
    path = folder / UNFINISHED
    return int(torch.load(path, weights_only=True)["global_step"]) if path.exists() else 0


def test_a_killed_training_loses_nothing(uninterrupted: Path, tmp_path: Path) -> None:
    """Killed once between two validations and once right after one: the same weights and the same log."""
    write_small_data(tmp_path)
    kill_after_a_new_state(tmp_path, small_params(), steps=3)
    (tmp_path / "reports").mkdir()  # DVC takes the outputs away before it runs the stage again; there are none yet
    kill_after_a_new_state(tmp_path, small_params(), steps=8)
    said = finished(tmp_path, small_params())
    assert said.count("training goes on after step") == 2
    expected, found = weights(uninterrupted), weights(tmp_path)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert logged(tmp_path) == logged(uninterrupted)
    assert not (tmp_path / "unfinished").exists()


def test_a_finished_training_leaves_a_small_checkpoint_and_its_log(uninterrupted: Path) -> None:
    model = load_model(uninterrupted / "checkpoints/model.ckpt")
    assert not model.training
    assert "optimizer_states" not in torch.load(uninterrupted / "checkpoints/model.ckpt", weights_only=True)
    assert {"loss.tsv", "quality.tsv", "recall_fray.tsv", "dice_fray.tsv", "auroc_fray.tsv"} <= set(
        logged(uninterrupted)
    )
    assert len(logged(uninterrupted)["quality.tsv"].splitlines()) == 1 + 3
    said = (uninterrupted / "said.txt").read_text().splitlines()
    assert [line.split(",")[0] for line in said] == ["step 4 of 12", "step 8 of 12", "step 12 of 12"]


@pytest.fixture
def half_done(uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unfinished:
    """A last state of exactly this process' training, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_small_data(tmp_path)
    unfinished = Unfinished(Run())
    unfinished.folder.mkdir()
    state = {"identity": training_identity(small_params(), "grouped"), "global_step": 3, "weights": torch.ones(9_999)}
    torch.save(state, unfinished.last)
    return unfinished


def test_a_state_goes_on_only_in_the_training_that_it_is_of(half_done: Unfinished) -> None:
    same = training_identity(small_params(), "grouped")
    assert half_done.resumable(same) == (half_done.last, "training goes on after step 3")
    for params in (small_params(lr=0.1), small_params(max_steps=13)):
        state, said = half_done.resumable(training_identity(params, "grouped"))
        assert (state, said) == (
            None,
            "unfinished/last.ckpt is of a training with other parameters: training starts anew",
        )
    for path in (next(Path("data/raw").rglob("*.jpg")), next(Path("data/raw").rglob("*.png"))):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert "with other photos:" in half_done.resumable(training_identity(small_params(), "grouped"))[1]
        path.write_bytes(content)
    assert half_done.resumable(training_identity(small_params(), "grouped"))[0] == half_done.last
    split = Path("data/split.csv")
    split.write_text(split.read_text().replace("train", "validation", 1))
    assert "with other split:" in half_done.resumable(training_identity(small_params(), "grouped"))[1]
    assert "other packages, code:" in half_done.resumable({**same, "packages": "", "code": ""})[1]


def test_weights_replaced_under_their_name_are_others(half_done: Unfinished) -> None:
    """By the state of a killed training, and by the stage train, which depends on what check_packages says of them."""
    weights, params = Path("weights.pth"), small_params()
    network = params.model.model_copy(update={"encoder_weights": str(weights)})
    params = params.model_copy(
        update={"presets": {"small": params.presets["small"].model_copy(update={"model": network})}}
    )
    told = []
    for content in (b"a", b"b"):
        weights.write_bytes(content)
        told.append((told_weights(str(weights)), training_identity(params, "grouped")))
    assert told[0][0] != told[1][0]
    assert [what for what in told[0][1] if told[0][1][what] != told[1][1][what]] == ["encoder weights"]
    weights.unlink()
    with pytest.raises(ConfigError, match=r"encoder_weights weights\.pth: no such file"):
        told_weights(str(weights))


@pytest.mark.parametrize("damage", ["truncated", "a bit", "empty", "not ours"])
def test_a_damaged_state_is_one_line_and_a_fresh_start(half_done: Unfinished, damage: str) -> None:
    whole = half_done.last.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    if damage == "not ours":
        torch.save({"state_dict": {}}, half_done.last)
    else:
        content = {"truncated": whole[: len(whole) // 2], "a bit": bytes(flipped), "empty": b""}[damage]
        half_done.last.write_bytes(content)
    state, said = half_done.resumable(training_identity(small_params(), "grouped"))
    assert state is None
    assert said.startswith("unfinished/last.ckpt is damaged (")
    assert said.endswith("): training starts anew")
    half_done.begin(state)
    assert not half_done.folder.exists()


def test_a_log_is_cut_where_the_state_ends(half_done: Unfinished) -> None:
    """At step 3: rows count from 0, and those behind it will be written again."""
    table = half_done.log / "plots/metrics/loss.tsv"
    table.parent.mkdir(parents=True)
    table.write_text("step\tloss\n0\t2.5\n2\t2.0\n3\t1.5\n4\t1.2\n")
    half_done.begin(half_done.last)
    assert table.read_text() == "step\tloss\n0\t2.5\n2\t2.0\n"


def test_a_disk_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_text("the last good one")
    (tmp_path / "model.ckpt.partial").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match=r"model.ckpt cannot be written \(.*: make room and start again"):
        AtomicFiles().save_checkpoint({"a": torch.ones(99_999)}, tmp_path / "model.ckpt")
    assert (tmp_path / "model.ckpt").read_text() == "the last good one"


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    """Without a defect to validate on, quality is always 0."""
    write_small_data(tmp_path)
    table = tmp_path / "data/split.csv"
    rows = [
        line if "MT_Free" in line else line.replace("validation", "train") for line in table.read_text().splitlines()
    ]
    table.write_text("\n".join(rows) + "\n")
    said = finished(tmp_path, small_params(max_steps=10, validate_every_steps=1, patience=2))
    assert [line.split(",")[0] for line in said.splitlines()][-1] == "step 3 of 10"


@torch.no_grad()
def test_two_processes_share_the_work_and_validate_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line a validation, though two processes run; the quality is that of all tiles, not of one half."""
    write_small_data(tmp_path)
    said = finished(tmp_path, small_params(devices=2, strategy="ddp_fork", max_steps=4, batch_size=4))
    assert [line.split(",")[0] for line in said.splitlines()] == ["step 4 of 4"]
    monkeypatch.chdir(tmp_path)
    model = load_model(tmp_path / "checkpoints/model.ckpt")
    rows = read_split("grouped", "validation")
    whole, half = (validation_scores(model, part) for part in (rows, rows[::2]))
    found = json.loads((tmp_path / "reports/train/metrics.json").read_text())
    assert {name: found[name] for name in whole} == pytest.approx(whole, abs=1e-5)
    assert {name: found[name] for name in half} != pytest.approx(half, abs=1e-5)


def test_two_processes_that_start_the_command_anew(tmp_path: Path) -> None:
    """`strategy: ddp`, as the documents have it, is another way of starting them."""
    write_small_data(tmp_path)
    params = small_params(devices=2, strategy="ddp", max_steps=4, batch_size=4)
    (tmp_path / "params.yaml").write_text(params.model_dump_json())
    command = [sys.executable, "-m", "trainer.train"]
    where = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True, check=False)
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["step 4 of 4"], done.stderr
    assert (tmp_path / "checkpoints/model.ckpt").exists()


def validation_scores(model: SegmentationModel, rows: list[Row]) -> dict[str, float]:
    scores, tiles = ValidationScores(model.classes), FixedTiles(load_samples(rows, model.classes), model.spec)
    for image, truth in tiles:
        scores.update(model(image[None]), truth[None])
    return {name: float(value) for name, value in scores.compute().items()}


def test_a_process_trains_on_its_part_of_each_batch(half_done: Unfinished) -> None:
    params = small_params(devices=2, strategy="ddp_fork", batch_size=4)
    data = TrainingData(params, "grouped")
    data.trainer = make_trainer(params.train, half_done, {}, resumes=False)
    data.setup("fit")
    assert list(data.train_dataloader().batch_sampler)[:2] == [[0, 2], [4, 6]]


def test_each_sample_belongs_to_one_process() -> None:
    whole = list(range(17))
    parts = [share(whole, rank, 3) for rank in range(3)]
    assert sorted(number for part in parts for number in part) == whole
    assert {len(part) for part in parts} == {5, 6}


def test_batches_go_on_where_they_were() -> None:
    batches = BatchList([[0, 1], [2, 3], [4]], done=2)
    assert list(batches) == [[4]]
    assert len(batches) == 3


def test_the_last_steps_are_validated() -> None:
    assert validation_interval(small_params(max_steps=1000, validate_every_steps=300).train) == 333
    assert validation_interval(small_params(max_steps=200, validate_every_steps=300).train) == 200


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ({"devices": 4096}, "train.devices 4096: this machine has .*: ask for at most"),
        ({"num_nodes": 3}, "train.batch_size 2 cannot be shared by 3 processes: make it a multiple"),
        ({"batch_size": 1}, "train.batch_size 1 cannot be shared by 1 processes: .* at least 2"),
        ({"strategy": "no_such"}, "train.strategy no_such, devices 1: .*no_such"),
    ],
)
def test_what_cannot_be_trained_is_one_line_before_data_are_loaded(
    half_done: Unfinished, train: dict[str, object], said: str
) -> None:
    shutil.rmtree("data/raw")
    with pytest.raises(ConfigError, match=said):
        train_once(Run(), small_params(**train))


def test_a_precision_that_the_device_lacks() -> None:
    assert choose_precision("bf16-mixed", "cpu", True) == ("bf16-mixed", "")
    assert choose_precision("32-true", "cpu", False) == ("32-true", "")
    assert choose_precision("16-mixed", "gpu", False) == ("16-mixed", "")
    precision, reason = choose_precision("bf16-mixed", "cpu", False)
    assert precision == "32-true"
    assert reason == "precision 32-true instead of bf16-mixed: this CPU has no bf16 instructions"
    with pytest.raises(ConfigError, match="16-mixed needs a GPU and there is none: set bf16-mixed or 32-true"):
        choose_precision("16-mixed", "cpu", True)


def test_the_cost_of_the_shipped_network() -> None:
    params = load_params(ROOT / "params.yaml").presets["cpu"]
    assert gmac(Network(params.model, params.input, 6), params.input) == pytest.approx(1.747, abs=0.001)
