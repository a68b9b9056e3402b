"""The journal as Parquet: every part once, typed, in pieces, and whole or not at all."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import UTC, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agent.benches.made_history import make_history
from agent.errors import ConfigError, UsageError
from agent.journal import parquet
from agent.journal.export import run_export
from agent.journal.parquet import export_parquet
from tests.conftest import ROOT
from tests.results.histories import BEGINS, defect, station, write_history

STATION = ("line1", "cam1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_history(
        tmp_path / "journal.sqlite",
        {},
        {"verdict": "reject", "defects": [defect("crack", 2.5), defect("fray", counts=False)], "late_verdict": "pass"},
        {"verdict": "no_decision", "acknowledged_ns": None, "in_time": None, "latencies_ms": {}},
        {"completed": 0},
        {"kind": "gap", "verdict": "no_decision"},
    )


def test_one_typed_row_a_part(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts.parquet"
    assert export_parquet(path, out, STATION, None, None, lambda _: None) == 4
    table = pq.read_table(out)
    passed, rejected, undecided, gap = table.to_pylist()
    assert [row["message_id"] for row in table.to_pylist()] == [1, 2, 3, 5], "what is not finished is not there"
    assert passed["decided_utc"] == BEGINS.astimezone(UTC)
    assert (passed["verdict"], passed["line"], passed["in_time"], passed["bypass"]) == ("pass", "line1", True, False)
    assert (passed["grab_ms"], passed["write_ms"], passed["total_ms"], passed["judge_ms"]) == (10.0, 2.0, 52.0, None)
    assert [(d["name"], d["area_mm2"], d["counts"]) for d in rejected["defects"]] == [
        ("crack", 2.5, True),
        ("fray", 1.0, False),
    ]
    assert (passed["defects"], undecided["defects"]) == ([], None), "nothing found, and nothing known"
    assert (rejected["late_verdict"], undecided["in_time"], undecided["write_ms"]) == ("pass", None, None)
    assert gap["kind"] == "gap"
    kinds = {field.name: field.type for field in table.schema}
    assert kinds["decided_utc"] == pa.timestamp("ms", "UTC")
    assert pa.types.is_dictionary(kinds["verdict"])
    assert pa.types.is_struct(kinds["defects"].value_type)


def test_a_part_of_it_by_time(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts.parquet"
    second = timedelta(seconds=1)
    export_parquet(path, out, STATION, BEGINS + second, BEGINS + 2 * second, lambda _: None)
    assert pq.read_table(out)["message_id"].to_pylist() == [2]


def test_it_goes_in_pieces_however_long_the_record_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "PIECE_ROWS", 400)
    make_history(tmp_path / "journal.sqlite", 1000, ends=BEGINS)
    out, heard = tmp_path / "parts.parquet", list[int]()
    export_parquet(tmp_path / "journal.sqlite", out, STATION, None, None, heard.append)
    assert heard == [400, 800, 1000]
    assert pq.ParquetFile(out).num_row_groups == 3
    assert pq.read_table(out)["part_id"].to_pylist() == list(range(1, 1001))


@pytest.mark.parametrize(
    "harm",
    ["UPDATE inspections SET evidence = x'ff00' WHERE message_id = 2", "UPDATE inspections SET evidence = '{' "],
)
def test_a_journal_that_makes_no_sense_is_one_line(path: Path, tmp_path: Path, harm: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(harm)
    out = tmp_path / "parts.parquet"
    with pytest.raises(ConfigError, match=r"what no station writes: `linegate journal check` tells"):
        export_parquet(path, out, STATION, None, None, lambda _: None)
    assert not out.exists()


def test_a_journal_with_a_hole_is_one_line(path: Path, tmp_path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"malformed: `linegate journal check` tells"):
        export_parquet(path, tmp_path / "parts.parquet", STATION, None, None, lambda _: None)


def test_nothing_is_overwritten(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts.parquet"
    out.write_text("mine")
    with pytest.raises(UsageError, match="exists: name a new file"):
        export_parquet(path, out, STATION, None, None, lambda _: None)
    assert out.read_text() == "mine"


def test_without_pyarrow_it_says_what_to_install(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "pa", None)
    with pytest.raises(ConfigError, match=r"not installed: .*'\.\[parquet\]'"):
        export_parquet(path, tmp_path / "parts.parquet", STATION, None, None, lambda _: None)


def test_a_disk_that_fills_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file may grow to 40 kB here: the kernel refuses the rest."""
    make_history(tmp_path / "journal.sqlite", 2000, ends=BEGINS)
    out = tmp_path / "out"
    out.mkdir()
    script = textwrap.dedent(f"""
        import resource
        from pathlib import Path
        from agent.errors import exit_on_error
        from agent.journal.parquet import export_parquet
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, {resource.RLIM_INFINITY}))
        with exit_on_error():
            export_parquet(Path({str(tmp_path)!r}) / "journal.sqlite", Path({str(out)!r}) / "parts.parquet",
                           ("line1", "cam1"), None, None, lambda _: None)
    """)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith("error: --parquet ")
    assert result.stderr.count("\n") == 1
    assert list(out.iterdir()) == []


def test_on_the_command_line_times_are_the_stations_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, file = station(tmp_path), tmp_path / "line.toml"
    write_history(config.station.state_dir / "journal.sqlite", {}, {"at": BEGINS + timedelta(hours=1)})
    out = tmp_path / "parts.parquet"
    run_export(file, out, "2026-03-02T15:00", None, None)
    assert capsys.readouterr().out == f"{out}: 1 part\n"
    assert pq.read_table(out)["message_id"].to_pylist() == [2]
    with pytest.raises(UsageError, match="is not before --to"):
        run_export(file, tmp_path / "other.parquet", "2026-03-02", "2026-03-01", None)
