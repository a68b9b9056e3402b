"""The process that tries out a model stands back, gives way to the station, and says what it dies of."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.config import ModelConfig
from agent.errors import ConfigError
from agent.model.try_out import FIRST_TO_GO, NICENESS, try_out
from tests.conftest import ROOT
from tests.waiting import wait_until


def test_it_gives_way_and_is_the_first_to_go() -> None:
    """Of a station that the kernel spares (OOMScoreAdjust of the unit)."""
    command = [sys.executable, "-m", "agent.model.try_out"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as child:
        score = Path(f"/proc/{child.pid}/oom_score_adj")
        wait_until(lambda: score.read_text() == f"{FIRST_TO_GO}\n", "it is the first to go", score.read_text)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == NICENESS
        child.kill()


def test_it_gives_way_before_it_has_run_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it imports takes as much of the processor as the trial."""
    assert tried_out_by(tmp_path, monkeypatch, """echo '{"run_ms": '$(nice)'}'""") == NICENESS


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        ("echo 'terminate called' >&2; printf '  what(): no \\377 luck\\n' >&2; kill -ABRT $$",
         r"killed the process that tried it out \(SIGABRT\): do not use it: what\(\): no \ufffd luck$"),
        ("echo 'ImportError: no luck' >&2; exit 3", r"ended with 3: ImportError: no luck$"),
        ("kill -ABRT $$", r"\(SIGABRT\): do not use it$"),
        ("exit 3", "ended with 3, without a word$"),
    ],
)  # fmt: skip
def test_its_last_words_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        tried_out_by(tmp_path, monkeypatch, ends)


def tried_out_by(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> float:
    """With a shell that stands in for Python: it takes what it is asked, then runs `script`."""
    child = folder / "child"
    child.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    model = ModelConfig.model_validate({"path": "model.onnx", "provider": "cpu"}, context={"folder": folder})
    return try_out(model.path, model, None, threading.Event(), lambda: None)
