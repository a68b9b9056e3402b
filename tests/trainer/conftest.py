"""Where a stage of the pipeline runs, and a data set for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.small_archive import write_small_archive


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stage runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_archive(tmp_path_factory.mktemp("archive") / "small.zip")
