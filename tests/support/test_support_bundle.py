"""linegate support-bundle: nothing secret in it, made whatever is broken; what is missing is named."""

from __future__ import annotations

import json
import os
import re
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.doctor import disk
from agent.doctor.disk import examine_disk
from agent.doctor.examined import Examined
from agent.errors import ConfigError, UsageError
from agent.event import Event
from agent.finding import Level
from agent.keys import load_pair, write_new_keys
from agent.local_line import free_port
from agent.support import computer_pieces, station_pieces
from agent.support.bundle import run_support_bundle
from agent.support.case import open_case
from agent.support.secrets import Secrets
from tests.doctor.stations import station, subject, with_plc, with_stream
from tests.faults.small_disk import SmallDisk
from tests.results.records import inspect, journal_at

PASSWORD = "p%40ss/wörd-9"
ODD_FORMS = ("p@ss/wörd-9", "p%40ss", "wörd-9", "w\\u00f6rd-9")


@pytest.fixture(autouse=True)
def _stay_as_nice_as_you_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)


def members(bundle: Path) -> dict[str, bytes]:
    with tarfile.open(bundle) as archive:
        return {
            entry.name.split("/", 1)[1]: (archive.extractfile(entry) or closing(None)).read()
            for entry in archive  # type: ignore[attr-defined]
        }


def test_no_secret_is_in_it_and_what_is_missing_is_named(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The PLC is dead, the camera out of reach, and no program of systemd is here but a log's of errors."""
    _, secret = write_new_keys("cam1", tmp_path / "keys")
    _, other = write_new_keys("operator", tmp_path / "keys")
    (tmp_path / "clients").mkdir()
    path = with_plc(tmp_path, tiny_model, free_port())
    with_stream(path, f"rtsp://admin:{PASSWORD}@127.0.0.1:{free_port()}/stream")
    keys = f'station_key = "keys/{secret.name}"\nclient_keys = "clients"\n'
    path.write_text(path.read_text().replace("[publisher]\n", f"[publisher]\n{keys}"))
    with closing(journal_at(tmp_path / "state" / "journal.sqlite")) as journal:
        inspect(journal, 1, 2)
        journal.record(
            Event("stop", "stop", f"camera rtsp://admin:{PASSWORD}@10.0.0.9 lost; once more with p@ss/wörd-9")
        )
        journal.record(Event("note", "key", load_pair(secret).secret.decode()))
    programs = tmp_path / "bin"
    programs.mkdir()
    trace = (
        f'File "a.py", line 3, in b\n  open("rtsp://admin:{PASSWORD}@h/")\n  password = "p@ss/wörd-9"\n' + "x" * 5000
    )
    entry = {"PRIORITY": "3", "TRACEBACK": trace, "RAW": list(f"\x1b rtsp://admin:{PASSWORD}@h/".encode())}
    (programs / "journalctl").write_text('#!/bin/sh\ncase "$*" in *json*err*) exec /bin/cat "$0.json"; esac; exit 1\n')
    (programs / "journalctl").chmod(0o755)
    (programs / "journalctl.json").write_text(f"{json.dumps(entry)}\n")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.chdir(tmp_path)
    run_support_bundle(path, None, 24)

    said = capsys.readouterr().out
    (bundle,) = tmp_path.glob("linegate-line1-bench1-*.tar.gz")
    assert said.splitlines()[-1].endswith("Look through it before you send it.")
    assert bundle.stat().st_mode & 0o077 == 0
    found = members(bundle)
    planted = [load_pair(file).secret.decode() for file in (secret, other)]
    for form in (PASSWORD, *ODD_FORMS, *planted, "admin:"):
        for name, content in found.items():
            for spelling in (form, json.dumps(form)[1:-1]):
                assert spelling.encode() not in content, f"{form} is in {name}"
    assert b'source = "rtsp://***@127.0.0.1' in found["config/station.toml"]
    assert b'station_key = "keys/cam1.key_secret"' in found["config/station.toml"], "where it lies may be known"
    assert json.loads(found["config/effective.json"])["plc"]["timeout_ms"] == 100

    told = json.loads(found["journal.json"])
    assert (told["damage"], told["days"][0]["rows"], len(told["events"])) == ("", 2, 2)
    assert told["events"][0]["detail"] == "camera rtsp://***@10.0.0.9 lost; once more with ***"
    assert "png_base64" in str(found["model.json"])
    assert len(found["model.json"]) < 20_000, "it holds pictures"
    examined = Examined.model_validate_json(found["doctor.json"])
    assert examined.counts[Level.WRONG] >= 2
    (error,) = json.loads(found["errors.json"])
    assert error["TRACEBACK"].startswith('File "a.py", line 3, in b\n  open("rtsp://***@h/")\n')
    assert error["RAW"] == "\x1b rtsp://***@h/"
    assert b"line1/bench1" in found["config/check.txt"]
    assert b" red, " in found["doctor.txt"]

    read_me = found["README.txt"].decode()
    for missing in ("service.txt", "logs.txt", "metrics.txt", "config/operator.json"):
        assert missing not in found
        assert re.search(rf"^  {missing} +\S", read_me, re.MULTILINE), missing
        assert re.search(rf"^  {missing} +missing: \S", said, re.MULTILINE), missing
    assert "no program 'systemctl' here" in read_me
    assert all(f"  {name} " in read_me for name in found if name != "README.txt")


def test_a_file_that_is_no_config_is_a_case_too(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = station(tmp_path, tiny_model)
    path.write_text(path.read_text() + '\n[camera\nsource = "rtsp://a:geheim@h/"\n')
    run_support_bundle(path, tmp_path / "b.tar.gz", 24)
    found = members(tmp_path / "b.tar.gz")
    assert {"config/station.toml", "versions.txt", "computer.txt"} <= set(found)
    assert not any(b"geheim" in content for content in found.values())
    assert "not valid TOML" in found["README.txt"].decode()
    path.write_text(station(tmp_path, tiny_model, station={"nmae": "x"}, trigger={"perod_ms": 5}).read_text())
    told = computer_pieces.check(open_case(path, 24))
    assert [key in told for key in ("station.nmae", "trigger.perod_ms", "2 errors")] == [True, True, True]
    with pytest.raises(ConfigError, match="check the path"):
        run_support_bundle(tmp_path / "none.toml", None, 24)
    with pytest.raises(UsageError, match="exists"):
        run_support_bundle(path, tmp_path / "b.tar.gz", 24)


def test_a_damaged_journal_is_told_of(tiny_model: Path, tmp_path: Path) -> None:
    case = open_case(station(tmp_path, tiny_model), 24)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.sqlite").write_bytes(b"no database" * 1000)
    assert json.loads(station_pieces.journal(case))["damage"] == "file is not a database"
    assert "11,000 bytes         1 files  journal.sqlite" in station_pieces.disk_usage(case)


def test_an_image_that_is_deleted_meanwhile_costs_no_figure(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = open_case(station(tmp_path, tiny_model, archive={"max_gb": 1}), 24)
    day = tmp_path / "state" / "archive" / "2026-01-02"
    day.mkdir(parents=True)
    below, archived = station_pieces._below, disk.files

    def filled() -> None:
        for number in range(3):
            (day / f"{number}.png").write_bytes(bytes(1000))

    def deleted_when_it_is_seen(entry: os.DirEntry[str]) -> Iterator[str]:
        for path in below(entry):
            if path.endswith("1.png"):
                os.unlink(path)
            yield path

    def deleted_when_it_is_listed(folder: Path) -> Iterator[os.DirEntry[str]]:
        for entry in archived(folder):
            if entry.name == "1.png":
                os.unlink(entry)
            yield entry

    monkeypatch.setattr(station_pieces, "_below", deleted_when_it_is_seen)
    filled()
    assert "2,000 bytes         2 files  archive" in station_pieces.disk_usage(case)
    monkeypatch.setattr(disk, "files", deleted_when_it_is_listed)
    filled()
    room = next(finding for finding in examine_disk(subject(case.path)) if finding.subject == "room")
    assert "archive by 3.0 with its reserve" in room.seen, room


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "line1.toml"
    path.write_text("[plc]\n")
    with SmallDisk(tmp_path / "disk", 1) as disk:
        disk.fill()
        output = disk.path / "b.tar.gz"
        monkeypatch.setattr(sys, "argv", ["linegate", "support-bundle", str(path), "-o", str(output)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, complaint = capsys.readouterr()
        assert (ended.value.code, out, complaint.count("\n")) == (1, "", 1)
        assert "No space left on device: free the disk" in complaint
        assert [entry.name for entry in disk.path.iterdir()] == ["neighbour.log"]


@pytest.mark.parametrize(
    ("text", "blotted"),
    [
        ("rtsp://u:p@h/x http://h/y", "rtsp://***@h/x http://h/y"),
        ('Environment="A=x y" B=abc==', "Environment=A=*** B=***"),
        ("Environment=A=x \\\n  B=y\nUser=z", "Environment=A=*** B=***\nUser=z"),
        ("SetCredential=c: one\\\n two\nUser=z", "SetCredential=c:***\nUser=z"),
        ("LoadCredential=cam1.key_secret:/etc/k", "LoadCredential=cam1.key_secret:/etc/k"),
        ('password = "a b"', 'password = "***"'),
        ("http://h/x?token=abc&y=1", "http://h/x?token=***&y=1"),
        ('{"api_key": "k", "n": 1}', '{"api_key": "***", "n": 1}'),
        ('secret-key = "zz"', 'secret-key = "***"'),
        ('["password = \\"a b\\", c"]', '["password = \\"***\\", c"]'),
        ('["{\\"api_key\\": \\"k\\"}"]', '["{\\"api_key\\": \\"***\\"}"]'),
        ('["said \\"token=a\\\\b\\""]', '["said \\"token=***\\""]'),
        ("12 tokens: 5, key = 3", "12 tokens: 5, key = 3"),
    ],
)
def test_what_looks_like_a_secret_is_blotted(text: str, blotted: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("")
    assert Secrets(tmp_path / "x.toml").blotted(text) == blotted
