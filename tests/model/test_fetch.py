"""A model file named by a DVC repository comes as `dvc get` brings it; what cannot be had is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.model import fetch
from tests.model.odd_models import write_passing

dvc_repo = pytest.importorskip("dvc.repo")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With one model file, which lies in its cache alone."""
    folder = tmp_path / "tiles"
    folder.mkdir()
    repo = dvc_repo.Repo.init(str(folder), no_scm=True)
    model = write_passing(folder / "model.onnx")
    repo.add(str(model))
    repo.close()
    model.unlink()
    return folder


def test_a_model_comes_out_of_a_dvc_repository(repository: Path, tmp_path: Path) -> None:
    content = write_passing(tmp_path / "same.onnx").read_bytes()
    assert fetch.fetch_model(str(repository), Path("model.onnx"), None) == content


@pytest.mark.faults
def test_what_is_not_in_the_repository_is_one_line(repository: Path) -> None:
    with pytest.raises(UsageError) as refused:
        fetch.fetch_model(str(repository), Path("none.onnx"), None)
    assert "none.onnx" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or directory: give the path of an exported"):
        fetch.read_model(tmp_path / "none.onnx")


def test_without_dvc_it_says_how_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"dvc is not installed: copy the file here .*'\.\[dvc\]'"):
        fetch.fetch_model("somewhere", Path("model.onnx"), None)
