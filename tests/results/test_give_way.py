"""Commands that read the whole record or archive, beside a running station."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.archive.command import collect
from agent.errors import ConfigError
from agent.give_way import NICENESS, thread_gives_way
from agent.journal.backup import run_backup
from agent.journal.check import run_check
from agent.journal.export import run_export
from agent.report.run import run_report


@pytest.mark.parametrize(
    "command",
    [
        run_check,
        lambda config: run_backup(config, Path("copy.sqlite")),
        lambda config: run_export(config, Path("parts.parquet"), None, None, None),
        lambda config: run_report(config, (None, None, None, None), None, False, None),
        lambda config: collect(config, Path("picked")),
    ],
    ids=["check", "backup", "export", "report", "collect"],
)
def test_a_command_gives_way_before_it_reads(
    command: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "nice", asked.append)
    with pytest.raises((ConfigError, SystemExit)):
        command(tmp_path / "none.toml")
    assert asked == [NICENESS]


@pytest.mark.parametrize(("before", "after"), [(0, NICENESS), (NICENESS + 5, NICENESS + 5)])
def test_a_thread_gives_way_and_never_asks_for_more(before: int, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit with Nice=15: the kernel would refuse it 10."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "getpriority", lambda _, thread: before)
    monkeypatch.setattr(os, "setpriority", lambda _, thread, niceness: asked.append((thread, niceness)))
    thread_gives_way()
    assert asked == [(threading.get_native_id(), after)]
