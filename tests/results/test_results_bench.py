"""`linegate bench --rows`, in small: it measures what it says, and no reader misses a result."""

from __future__ import annotations

import pytest

from agent.benches import results_bench
from agent.benches.results_bench import run_results_bench


def test_it_measures_everything(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, small in (("QUERIES", 2), ("READERS", 2), ("FOR_S", 0.2), ("PAUSE_S", 0.1)):
        monkeypatch.setattr(results_bench, name, small)
    monkeypatch.setenv("COLUMNS", "120")
    run_results_bench(1200, seconds=0.2, rate_per_s=50)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    measured = [row for row in rows if row and row[-1] in ("reached", "MISSED")]
    assert [row[0] for row in measured] == ["journal", "publish()", "report", "history", "200/s"]
    assert [row[-2] for row in measured] == ["10", "10", "1,210", "2", "80"]
    assert measured[-1][-1] == "reached", "no gap"
