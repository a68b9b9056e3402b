"""Arguments that make no sense are one line and exit 2, and so is whatever happens to stdout, with exit 1."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

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
        (["model", "install", "config/line.toml", "--who", "x"], "give the file of a model, or --previous"),
        (
            ["model", "install", "config/line.toml", "x.onnx", "--previous", "--who", "x"],
            "--previous names the model by itself: give no file",
        ),
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


FILES_OF = [
    "check FILE", "report FILE", "report config/timer.toml --journal FILE",
    "collect FILE --out NEW", "record FILE --out NEW", "doctor FILE", "support-bundle FILE -o NEW",
    "calibrate FILE --columns 11 --rows 8 --pitch-mm 10",
    "calibrate config/sample_tiles/01_free.png --columns 11 --rows 8 --pitch-mm 10 --config FILE",
    "plc probe --config FILE", "plc accept FILE --engineer R.Diaz --report NEW.md", "camera snap FILE -o NEW.png",
    "camera live FILE --seconds 1", "model install FILE models/magnetic_tile.onnx --who R.Diaz",
    "model history FILE", "model show FILE", "model verify FILE", "journal backup FILE --out NEW", "journal check FILE",
    "journal check config/timer.toml --journal FILE", "journal export FILE --parquet NEW.parquet",
    "watch --station-key FILE --key FILE", "challenge --who R.Diaz --station-key FILE --key FILE",
]  # fmt: skip
"""Every command that reads a file, but `run` (tests/faults/test_bad_input.py has that).

FILE is none that it could read, NEW one that it may write.
"""
WRITES_FIRST = {("support-bundle", "nothing"), ("support-bundle", "garbage")}
"""It packs what is wrong as well."""


@pytest.mark.parametrize("command", FILES_OF)
def test_a_file_that_is_none_is_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not there, a folder, nothing in it, no text, a link to itself, no name."""
    (tmp_path / "nothing.toml").write_text("")
    (tmp_path / "garbage.toml").write_bytes(bytes(range(256)))
    (tmp_path / "circle.toml").symlink_to(tmp_path / "circle.toml")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    monkeypatch.setattr("agent.service.exit_when_a_thread_dies", lambda: None)
    for name in ("missing", "", "nothing", "garbage", "circle", "no name"):
        if (command.split()[0], name) in WRITES_FIRST:
            continue
        file = {"": str(tmp_path), "no name": ""}.get(name, str(tmp_path / f"{name}.toml"))
        words = [word.replace("FILE", file).replace("NEW", str(tmp_path / "new")) for word in command.split()]
        monkeypatch.setattr(sys, "argv", ["linegate", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capfd.readouterr()
        assert caught.value.code in (1, 2, 78), (name, said)
        assert "Traceback" not in said.err
        if not (command == "check FILE" and name == "nothing"):  # which lists what is missing
            assert said.err.startswith("error: "), (name, said)
            assert said.err.count("\n") == 1, (name, said)


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
