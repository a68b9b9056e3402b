"""Each stage depends on the code that shapes its outputs: on what it imports, and what that imports, and no more.

A dependency that is forgotten leaves an old model standing as if it were the new code's; one too many trains for hours
for nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from trainer.check_packages import PACKAGES, WEIGHTS

STAGES: dict[str, Any] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
OURS = ("agent", "trainer", "export")
SHAPES_NOTHING = {
    "agent/config.py": "a station's file: the pipeline has none",
    "agent/errors.py": "words",
    "agent/lasting_file.py": "how a file is written, whatever it says",
    "agent/inspection.py": "names of what goes from hand to hand",
    "agent/tiling.py": "for frames larger than the model's input: verify shrinks them",
    "agent/toml.py": "how a recipe is read; what it says is a dependency",
    "trainer/progress.py": "what is shown meanwhile",
    "trainer/resume.py": "a training that was killed ends as one that was not",
    "trainer/params.py": "what it reads are the stage's params",
    "trainer/run.py": "where results lie",
    "trainer/writing.py": "words",
}
"""Neither they nor what they import need another run when they change."""
ONLY_NAMES = {"train": {"agent/model_contract.py": "of it only the type of the preset's input: hours for nothing"}}


def module_file(name: str) -> str | None:
    """Of one of our modules, from the root; None: it is a library's, or no module, or an empty package."""
    path = Path(*name.split("."))
    file = path.with_suffix(".py")
    return str(file) if path.parts[0] in OURS and (ROOT / file).is_file() else None


@cache
def imported(file: str) -> tuple[str, ...]:
    """Modules of ours that it imports, wherever in it."""

    def names() -> Iterator[str]:
        for node in ast.walk(ast.parse((ROOT / file).read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))

    return tuple(found for name in names() if (found := module_file(name)))


def shaping_code(stage: str) -> set[str]:
    """The module that the stage runs, and all that it imports."""
    passed = {*SHAPES_NOTHING, *ONLY_NAMES.get(stage, {})}
    module = STAGES[stage]["cmd"].split("python -m ")[1].split()[0]
    found, ahead = set(), {module_file(module)}
    while ahead:
        file = ahead.pop()
        assert file, f"{stage}: python -m {module} is no module of ours"
        found.add(file)
        ahead |= set(imported(file)) - found - passed
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_shapes_it(stage: str) -> None:
    declared = {path for path in STAGES[stage]["deps"] if path.endswith(".py")}
    shaping = shaping_code(stage)
    lacking, idle = shaping - declared, declared - shaping
    assert not lacking, "to be added to the stage's deps in dvc.yaml"
    assert not idle, "the stage does not import them: to be taken out of its deps in dvc.yaml"


def test_what_is_passed_over_is_imported() -> None:
    for_all = {file for stage in STAGES for code in shaping_code(stage) for file in imported(code)}
    assert set(SHAPES_NOTHING) <= for_all
    for stage, passed in ONLY_NAMES.items():
        assert set(passed) <= {file for code in shaping_code(stage) for file in imported(code)}


def test_every_stage_runs_anew_with_other_packages() -> None:
    first, *others = STAGES.values()
    assert first["outs"] == [str(PACKAGES), str(WEIGHTS)]
    assert first["always_changed"]
    assert all(str(PACKAGES) in stage["deps"] for stage in others)
