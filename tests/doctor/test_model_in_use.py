"""Of a station that runs, the doctor names the model that inspects; to look for itself would take its processor."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from agent.doctor.model import examine_model
from agent.event import Event
from agent.finding import Level
from tests.doctor.stations import found, station, subject
from tests.results.records import journal_at, until_written

OLD, NEW = "ab" * 32, "cd" * 32


def test_the_newest_start_or_swap_says_it(tiny_model: Path, tmp_path: Path) -> None:
    of = subject(station(tmp_path, tiny_model), os.getpid())
    assert found(examine_model, of)["in use"].level is Level.UNKNOWN
    events = [
        (Event("start", "start", f"linegate 0.1.0, agent epoch 3, model {OLD[:12]}, recipes 1 'x' ({'0' * 12})"), OLD),
        (Event("model", "trying", f"{NEW} beside {OLD}", "R. Diaz"), OLD),
        (Event("model", "swapped", f"{NEW} in place of {OLD}: a run takes 5.0 ms", "R. Diaz"), NEW),
        (Event("model", "rolled_back", f"{NEW} → {OLD}: the model's output is not finite"), OLD),
        (Event("model", "refused", f"{NEW}: it is too slow: {OLD} goes on"), OLD),
        (Event("stop", "stop", "asked to"), OLD),
    ]
    with closing(journal_at(of.config.station.journal)) as journal:
        for event, in_use in events:
            journal.record(event)
            until_written(journal)
            told = found(examine_model, of)["in use"]
            assert (told.level, told.seen[:12]) == (Level.RIGHT, in_use[:12]), event
