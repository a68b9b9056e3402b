"""Cross-validation: a pipeline beside the root's, with its code, that goes on where it stopped; what it pools."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from dvc.exceptions import ReproductionError
from dvc.repo import Repo
from ruamel.yaml import YAML

from agent.errors import ConfigError
from tests.trainer.hand_made_parts import part
from tests.trainer.test_dvc_deps import ROOT, STAGES, shaping_code
from trainer.data_split import assign_folds, assign_leaky
from trainer.folds import pool
from trainer.folds.subject import subject
from trainer.params import TrainParams, load_params
from trainer.parts_table import read_parts, write_parts
from trainer.run import SHIPPED_RUN, Run
from trainer.split_table import LEAKY, Row, read_split, write_split

PARAMS = load_params(ROOT / "params.yaml")
FOLDS: dict[str, Any] = YAML(typ="safe").load((ROOT / "trainer/folds/dvc.yaml").read_text())["stages"]
SPLITS = [*(f"fold{i}" for i in range(PARAMS.split.folds)), LEAKY]
FEW = ["fold0", "fold1", LEAKY]


@pytest.mark.parametrize("stage", ["train", "evaluate"])
def test_a_fold_depends_on_code_and_data_as_the_stage_in_the_root_does(stage: str) -> None:
    deps = {path for path in FOLDS[stage]["deps"] if not path.startswith("runs/")}
    data = {path for path in STAGES[stage]["deps"] if not path.endswith((".py", ".ckpt"))}
    assert deps == shaping_code(stage) | data
    assert FOLDS[stage]["matrix"]["split"] == SPLITS


def test_pooling_depends_on_its_code_and_on_every_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STAGES, "pool", FOLDS["pool"])
    deps = FOLDS["pool"]["deps"]
    assert {path for path in deps if path.endswith(".py")} == shaping_code("pool")
    assert {path for path in deps if path.endswith("parts.csv")} == {
        str(Run(name).reports / pool.PARTS) for name in SPLITS
    }


def test_only_the_length_of_the_schedule_is_the_folds_own() -> None:
    declared = {name.removeprefix("train.") for name in FOLDS["train"]["params"] if name.startswith("train.")}
    assert declared == set(TrainParams.model_fields) - {"max_steps"}
    assert SHIPPED_RUN.schedule(PARAMS) == PARAMS
    short = Run("fold1").schedule(PARAMS)
    assert short.train.max_steps == PARAMS.folds.max_steps < PARAMS.train.max_steps
    assert short.train.model_copy(update={"max_steps": PARAMS.train.max_steps}) == PARAMS.train


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """All splits evaluated, by hand: each crack but that of group 0 is found, one good tile of ten is rejected."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    labels = ["crack"] * 30 + ["free"] * 60
    groups = [index // 3 for index in range(90)]
    rows = [
        Row(Path(f"data/raw/{i}.jpg"), label, 0, groups[i], 9 if label == "crack" else 0)
        for i, label in enumerate(labels)
    ]
    sides = {**assign_folds(labels, groups, PARAMS.split), LEAKY: assign_leaky(labels, PARAMS.split)}
    Path("data").mkdir()
    write_split(rows, sides)
    for number, name in enumerate(SPLITS):
        reports = Run(name).reports
        reports.mkdir(parents=True)
        tested = read_split(name, "test")
        rejected = [row.group > 0 if row.label == "crack" else row.group % 10 == 0 for row in tested]
        write_parts(
            [part(row.label, row.group, its, image=str(row.path)) for row, its in zip(tested, rejected, strict=True)],
            reports / pool.PARTS,
        )
        chosen = {"thresholds": {"crack": 0.5 + number / 100}, "pixel_level": 40 + number, "test": {}}
        Run(name).metrics.write_text(json.dumps(chosen))
        cv2.imwrite(str(reports / pool.WORST), np.full((20 + number, 30 - number, 3), 40 * number, np.uint8))
    return rows


def test_pooled_is_every_photo_once_with_counts_of_photos_and_groups(
    evaluated: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    pool.main()
    assert {one.image for one in read_parts(pool.FOLDS / "parts.csv")} == {str(row.path) for row in evaluated}
    found = json.loads((pool.FOLDS / "summary.json").read_text())
    assert (found["pooled"]["photos"], found["pooled"]["groups"]) == (90, 30)
    recall = found["pooled"]["part"]["recall"]["crack"]
    assert [recall[key] for key in ("photos", "of_photos", "groups", "of_groups")] == [27, 30, 9, 10]
    assert recall["low"] < 0.9 < recall["high"]
    assert sum(found[name]["photos"] for name in SPLITS[:-1]) == 90
    assert found[pool.LEAKY_TITLE]["photos"] == len(read_split(LEAKY, "test"))
    assert "crack: 30 photos, 10 groups" in (pool.FOLDS / "curve.svg").read_text()
    assert (pool.FOLDS / "curve.csv").read_text().startswith("allowed,overkill,crack")
    metrics = json.loads((pool.FOLDS / "metrics.json").read_text())
    assert metrics["schedule"] == found["schedule"] == pool.schedule(PARAMS)
    assert metrics["pooled"]["overkill"] == 0.1
    assert (found["fold1"]["thresholds"], found["fold1"]["pixel_level"]) == ({"crack": 0.51}, 41)
    assert found["subject"] == subject(PARAMS)
    said = capsys.readouterr().out
    assert [line.split()[:1] for line in said.splitlines()[-5:]] == [[name] for name in SPLITS[:-1]]
    assert f"90 photos of 30 parts, each tested once; short schedule: {PARAMS.folds.max_steps} steps a fold" in said
    assert any(line.split()[:7] == ["crack", "27", "of", "30", "9", "of", "10"] for line in said.splitlines())
    assert cv2.imread(str(pool.FOLDS / pool.WORST)).shape == (5 * 20 + 10 + 5 * 4, 30, 3)


def test_a_fold_of_another_split_or_none_is_one_line_and_nothing_is_written(evaluated: list[Row]) -> None:
    table = Run("fold3").reports / pool.PARTS
    parts = read_parts(table)
    write_parts([replace(parts[0], image="data/raw/elsewhere.jpg"), *parts[1:]], table)
    with pytest.raises(
        ConfigError, match=r"runs/fold3/reports/parts.csv is not the test side of fold3 in data/split.csv: run"
    ):
        pool.main()
    table.unlink()
    with pytest.raises(ConfigError, match=r"runs/fold3/reports/parts.csv: No such file"):
        pool.main()
    assert not pool.FOLDS.exists()


STAND_IN = """
echo $1 >> log.txt
[ "$(cat stop)" = $1 ] && exit 1
name=$1; shift
for out; do mkdir -p $(dirname $out); echo $name > $out; done
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Both pipelines as they are, with two folds, but each stage only writes down its name, and then its outputs."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    Path("stand_in.sh").write_text(STAND_IN)
    for file, stages in (("dvc.yaml", STAGES), ("trainer/folds/dvc.yaml", FOLDS)):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        pipeline = {"vars": ["../../params.yaml"]} if stages is FOLDS else {}
        YAML().dump({**pipeline, "stages": {name: stand_in(name, stage) for name, stage in stages.items()}}, Path(file))
    stages = [*STAGES.values(), *FOLDS.values()]
    made = {out for stage in stages for out in outs(stage)}
    for given in {
        path for stage in stages for path in deps(stage) if path not in made and not path.startswith("runs/")
    }:
        Path(given).parent.mkdir(parents=True, exist_ok=True)
        Path(given).write_text(given)
    return Repo.init(no_scm=True)


def outs(stage: dict[str, Any]) -> list[str]:
    return [
        out if isinstance(out, str) else next(iter(out))
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, ())
    ]


def deps(stage: dict[str, Any]) -> list[str]:
    """But for the code, and for the folds that are left out."""
    return [path for path in stage["deps"] if not re.search(r"\.py$|runs/fold[2-9]", path)]


def stand_in(name: str, stage: dict[str, Any]) -> dict[str, Any]:
    few = {"matrix": {"split": FEW}} if "matrix" in stage else {}
    told = f"{name}@${{item.split}}" if few else name
    return {**stage, "cmd": f"sh stand_in.sh {told} {' '.join(outs(stage))}", "deps": deps(stage), **few}


def ran() -> list[str]:
    """Since the last time it was asked, but for the stage that always runs."""
    names = Path("log.txt").read_text().split()
    Path("log.txt").unlink()
    return [name for name in names if name != "check_packages"]


def test_folds_go_on_where_they_stopped_and_the_root_runs_none(project: Repo) -> None:
    Path("stop").write_text("train@fold1")
    with pytest.raises(ReproductionError):
        project.reproduce("trainer/folds/dvc.yaml")
    done = ran()
    assert done[-1] == "train@fold1"
    Path("stop").write_text("")
    project.reproduce("trainer/folds/dvc.yaml")
    then = ran()
    of_folds = {f"{stage}@{name}" for stage in ("train", "evaluate") for name in FEW}
    assert {*done, *then} == {"data_load", "data_split", "pool", *of_folds}
    assert {*done} & {*then} == {"train@fold1"}
    assert then[-1] == "pool"
    project.reproduce()
    assert ran() == ["train", "evaluate", "export", "optimise", "verify"]
