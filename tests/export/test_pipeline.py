"""The whole pipeline by `dvc repro`, in a clone, on a tiny archive: every stage, from a zip to a verified file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.segmenter import Segmenter
from tests.trainer.small_archive import write_small_archive

ROOT = Path(__file__).parents[2]
TRACKED = ("agent", "trainer", "export", "config", "data/labelled", "dvc.yaml", "params.yaml")
SMALL = {
    "data.url": "small.zip",
    "train.max_steps": 4,
    "train.batch_size": 2,
    "train.workers": 0,
    "train.validate_every_steps": 2,
    "presets.cpu.input.height_px": 96,
    "presets.cpu.input.width_px": 96,
    "presets.cpu.model.encoder": "tu-resnet18",
    "presets.cpu.model.encoder_weights": "null",
    "+presets.cpu.model.options.channels": "[8,8,16,16]",
    "evaluate.procedural_tiles": 12,
    "optimise.calibration_photos": 12,
    "optimise.first_float": 1,
    "verify.images": 6,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of its own, with the code as it stands and small parameters."""
    folder = tmp_path_factory.mktemp("project")
    for name in TRACKED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    write_small_archive(folder / "small.zip")
    (folder / ".gitignore").write_text("small.zip\n")
    for command in ("git init -q", "dvc init -q", "git add .", "git commit -q -m start"):
        done(command.split(), folder)
    return folder


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    who = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | who | {"PATH": path, "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "2"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def done(command: list[str], folder: Path) -> str:
    result = run(command, folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def trained(project: Path) -> Path:
    """The same after its first run."""
    changes = [part for key, value in SMALL.items() for part in ("-S", f"{key}={value}")]
    done(["dvc", "exp", "run", *changes], project)
    return project


def test_the_pipeline_ends_in_a_verified_model_that_explains_itself(trained: Path) -> None:
    segmenter = Segmenter(trained / "models/magnetic_tile.onnx")
    segmenter.self_test()
    assert segmenter.contract.git_commit == done(["git", "log", "-1", "--format=%H"], trained).strip()
    assert json.loads((trained / "reports/verify.json").read_text())["fp32"]["flips"] == 0
    assert segmenter.sha256 in (trained / "models/MODEL_CARD.md").read_text()
    assert json.loads((trained / "data/source.json").read_text())["images"]["crack"] == 8
    for written in (
        "reports/metrics.json",
        "reports/parts.csv",
        "reports/curve.svg",
        "reports/typical_cases.png",
        "reports/worst_cases.png",
        "reports/train/metrics.json",
    ):
        assert (trained / written).stat().st_size > 0
    shown = done([sys.executable, "-c", LOOK], trained)
    for found in (
        "didn't change, skipping",
        "params.yaml | train.max_steps",
        "reports/verify.json | fp32.flips",
        "| Experiment ",
        '["check_packages"]',
        "dvc_plots/index.html",
        "Downloaded 1 file(s)",
    ):
        assert re.sub(r"\s+", " ", shown).count(found), found
    assert (trained / "had.onnx").read_bytes() == (trained / "models/magnetic_tile.onnx").read_bytes()


LOOK = """
import subprocess
from dvc.cli import main
subprocess.run("git add . && git commit -qm model && git tag -a magnetic-tile@v1.0.0 -m one", shell=True, check=True)
for command in (
    "repro", "params diff --md HEAD~1", "metrics diff --md HEAD~1", "exp show --md --all-commits", "dag --md verify",
    "plots show", "plots diff HEAD", "artifacts get . magnetic-tile --out had.onnx",
):
    assert main(command.split()) == 0, command
"""
"""The commands with which docs/training.md looks at results, in one process: dvc takes a second to import."""


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_another_product_goes_all_the_way(project: Path, tmp_path: Path) -> None:
    """Classes that the rendered tiles do not know, and no scene of theirs anywhere."""
    product = shutil.copytree(project, tmp_path / "product")
    write_scratched_parts(product / "photos", 30)
    recipe = product / "config/recipes/part.toml"
    recipe.write_text('name = "part"\njob = 1\n[classes.scratch]\nmin_area_mm2 = 0.1\n')
    changes = SMALL | {
        **{"data.url": "photos", "classes": "[scratch]", "evaluate.recipe": "config/recipes/part.toml"},
        **{"sampling.procedural_share": 0, "evaluate.procedural_tiles": 0},
    }
    done(["dvc", "exp", "run", *(part for key, value in changes.items() for part in ("-S", f"{key}={value}"))], product)
    contract = Segmenter(product / "models/magnetic_tile.onnx").contract
    assert contract.classes == ("background", "scratch")
    assert not any(name.startswith("procedural") for name in contract.metrics)
    assert "Huang" not in (product / "models/MODEL_CARD.md").read_text()


def write_scratched_parts(folder: Path, count: int) -> None:
    """As docs/training.md lays photos out: so many good ones, and as many with a scratch."""
    rng = np.random.default_rng(4)
    for kind in ("images/good", "images/scratch", "masks/scratch"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        grey = rng.integers(90, 160, (90, 80), np.uint8)
        cv2.imwrite(str(folder / f"images/good/{number}.png"), grey)
        mask = np.zeros_like(grey)
        mask[20 + number : 23 + number, 10:60] = 255
        cv2.imwrite(str(folder / f"masks/scratch/{number}.png"), mask)
        cv2.imwrite(str(folder / f"images/scratch/{number}.png"), np.where(mask, 240, grey[::-1]).astype(np.uint8))


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_experiments_wait_in_a_queue_and_one_that_fails_leaves_the_model(trained: Path) -> None:
    """In folders of their own, without what git ignores: the archive is found all the same."""
    done(["git", "add", "."], trained)
    done(["git", "commit", "-q", "--allow-empty", "-m", "the first model"], trained)
    before = (trained / "models/magnetic_tile.onnx").read_bytes()
    for name, change in (("slow", "train.lr=0.001"), ("bad", "verify.images=1000")):
        done(["dvc", "exp", "run", "--queue", "-n", name, "-S", "data.timeout_s=31", "-S", change], trained)
    assert "Failed to reproduce experiment(s) 'bad'" in run(["dvc", "exp", "run", "--run-all"], trained).stderr
    status = done(["dvc", "queue", "status"], trained)
    assert (status.count("Success"), status.count("Failed")) == (1, 1)
    assert "photos to validate and test with, verify.images is" in done(["dvc", "queue", "logs", "bad"], trained)
    assert (trained / "models/magnetic_tile.onnx").read_bytes() == before
    done(["dvc", "exp", "apply", "slow"], trained)
    assert (trained / "models/magnetic_tile.onnx").read_bytes() != before
    assert "lr: 0.001" in (trained / "params.yaml").read_text()


RUN_EACH = """
import runpy, sys, traceback
stages, sys.argv[1:] = sys.argv[1:], []
for stage in stages:
    try:
        runpy.run_module(stage, run_name="__main__")
    except SystemExit as end:
        print("exit", end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
"""


def test_a_stage_run_too_early_is_one_line(tmp_path: Path) -> None:
    """Each as `python -m` runs it, but all in one process: torch is imported once, not five times."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    stages = (
        "trainer.data_split",
        "trainer.train",
        "trainer.evaluate",
        "export.to_onnx",
        "export.optimise",
        "export.verify",
    )
    said = subprocess.run(
        [sys.executable, "-c", RUN_EACH, *stages], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True,
    ).stderr  # fmt: skip
    lines = [line for line in said.splitlines() if line.startswith(("error: ", "exit "))]
    assert [line.split(": ")[0] for line in lines] == ["error", "exit 78"] * len(stages), said
    assert "Traceback" not in said
