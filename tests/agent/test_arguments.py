"""Arguments that make no sense are one line and exit 2, and so is whatever happens to stdout, with exit 1."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys

import pytest

from agent.__main__ import main
from tests.conftest import ROOT

ACCEPT = ["plc", "accept", "config/line.toml", "--report", "/tmp/no.md", "--engineer"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["challenge", "--who", ""], "a name is needed"),
        (["challenge", "--who", "R.\nDiaz"], "a name has at most 100 characters, and all can be printed"),
        (["pause", "--who", "R" * 101], "a name has at most 100 characters"),
        (["watch", "--last", "x"], "see 'linegate watch --help'"),
        (["watch", "--results", "tcp://127.0.0.1:70000"], "'tcp://127.0.0.1:70000' is no endpoint"),
        (["pause", "--who", "R. Diaz", "--control", "tcp://127.0.0.1:0"], "'tcp://127.0.0.1:0' is no endpoint"),
        (["journal", "bakcup"], "see 'linegate journal --help'"),
        ([*ACCEPT, " "], "a name is needed"),
        (["plc", "probe", ""], "give either the PLC's address or --config FILE"),
        (["plc", "probe", "127.0.0.1:502"], "the port goes to --port: linegate plc probe 127.0.0.1 --port 502"),
        (["plc", "sim", "--parts", "1", "--truth-log", "/nonexist/x"], "--truth-log /nonexist/x: no such file"),
        (["plc", "sim", "--parts", "1", "--truth-log", "/tmp"], "--truth-log /tmp: is a directory: name a file"),
        (["plc", "sim", "--decide-ms", "19"], "two scans and 10 ms, 20 ms, or more"),
        (["plc", "sim", "--scan-ms", "200", "--decide-ms", "400"], "two scans and 10 ms, 410 ms, or more"),
    ],
)
def test_arguments_that_make_no_sense(
    arguments: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["linegate", *arguments])
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    monkeypatch.setattr("agent.service.exit_when_a_thread_dies", lambda: None)
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr().err
    assert caught.value.code == 2, said
    assert complaint in said
    assert said.count("\n") == 1
    assert said.startswith("error: ")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_stdout_is_one_line(unbuffered: str) -> None:
    """It shows at the write, or only at the end."""
    command = [sys.executable, "-m", "agent", "plc", "map", "--profile", "bits", "--format", "csv"]
    there = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=there, check=False
        )
    assert (result.returncode, result.stderr) == (1, "error: output cannot be written: no space left on device\n")


def test_ctrl_c_while_it_imports_is_one_line() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "agent", "check", "config/line.toml"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("typer" in line for line in process.stderr), "it has begun"
        process.send_signal(signal.SIGINT)
        said = [line for line in process.stderr if not line.startswith("import time:")]
    assert (process.returncode, said) == (130, ["stopped\n"])
