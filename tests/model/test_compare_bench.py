"""`linegate bench --compare`, in small: both files run, in turn, and the line says by how much the one is faster."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.benches.compare_bench import run_compare_bench
from agent.errors import ConfigError
from tests.tiny_model import write_tiny_model


def test_both_files_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    one, other = (write_tiny_model(tmp_path / f"{name}.onnx") for name in "ab")
    run_compare_bench((one, other), seconds=0.1)
    said = capsys.readouterr().out
    counts = re.findall(r"[ab]\.onnx \(fp32\).* (\d+) │", said)
    assert len(set(counts)) == 1
    assert len(counts) == 2
    assert int(counts[0]) >= 1
    assert re.search(r"first / second of the same round: median \d+\.\d\d ×", said)
    with pytest.raises(ConfigError, match=r"nowhere\.onnx"):
        run_compare_bench((one, tmp_path / "nowhere.onnx"), seconds=0.1)
