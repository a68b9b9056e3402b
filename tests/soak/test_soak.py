"""The soak sees what it is there to see, and ends with its figures however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT
from tests.soak.books import ACTIONS, OUTCOMES, VERDICTS, Book, Rows
from tests.soak.goals import goals
from tests.soak.process import Sample
from tests.soak.soak import Minute, Record

PARTS, RATE_PER_S, SECONDS = 1200, 20, 60.0
EXPECTED = {part: "reject" if part % 3 == 0 else "pass" for part in range(1, PARTS + 1)}


class SeenSoak(SimpleNamespace):
    """A soak of a minute as it would have gone if all were well; a test spoils one thing."""

    def __init__(self) -> None:
        plc, actions = Book("PLC", OUTCOMES), Book("journal of what the PLC did", ACTIONS)
        self.rows = Rows(Path("none"))
        self.heard = Book("a subscriber", VERDICTS)
        for part, verdict in EXPECTED.items():
            plc.note(part, part, f"{verdict}ed")
            actions.note(part, part, f"{verdict}ed")
            self.rows.book.note(part, part, verdict)
            self.heard.note(part, part, verdict)
            self.rows.decided_ns.append(int(part / RATE_PER_S * 1e9))
            self.rows.write_path_ms.append(9.0)
            self.rows.whole_path_ms.append(14.0)
        self.books, self.parts = [plc, actions, self.rows.book, self.heard], PARTS
        self.listeners = SimpleNamespace(failures=[], gap_ms=12.0)
        samples = [Sample(float(at_s), 200.0, 50, 20) for at_s in range(60)]
        minute = Minute(60.0, PARTS, 200.0, 190.0, 180.0, 50, 20, 9.0, 14.0, 1.2, 4.0, 20.0, {})
        self.record = Record(RATE_PER_S, SECONDS, 10.0, 0, SECONDS, "", {"station": samples}, [minute])

    def later(self, **changes: Any) -> None:
        """From 50 s on the station looks like this."""
        samples = self.record.samples["station"]
        samples[50:] = [Sample(**(vars(sample) | changes)) for sample in samples[50:]]


def missed(soak: SeenSoak) -> dict[str, str]:
    return {goal.what: goal.missed_by for goal in goals(soak, EXPECTED) if not goal.passed}  # type: ignore[arg-type]


def test_a_line_that_is_well_meets_every_goal() -> None:
    assert missed(SeenSoak()) == {}


@pytest.mark.parametrize(
    ("changes", "what", "by"),
    [
        ({"rss_mb": 206.0}, "memory: highest after warm-up less that at its end", "1.0 MB too much"),
        ({"descriptors": 51}, "open files", "+1"),
        ({"threads": 22}, "threads", "+2"),
    ],
)
def test_what_grows_is_named_with_how_much(changes: dict[str, float], what: str, by: str) -> None:
    soak = SeenSoak()
    soak.later(**changes)
    assert missed(soak) == {what: by}


def test_a_path_that_gets_slower_is_named() -> None:
    soak = SeenSoak()
    for place in range(PARTS - 20, PARTS):
        soak.rows.write_path_ms[place] = 10.0
    assert missed(soak) == {"p99, frame in hand → write acknowledged": "0.10 ms too much"}


def test_no_part_is_missing_twice_or_somebody_elses() -> None:
    soak = SeenSoak()
    soak.heard.note(7, 7, "pass")
    soak.heard._parts[8] = 0
    soak.books[0]._parts[9] = soak.books[1]._parts[9] = OUTCOMES["passed"]  # it was to be rejected
    soak.books[1]._parts[10] = ACTIONS["unknown"]
    soak.listeners.failures.append("stay: KeyError()")
    assert missed(soak) == {
        "gaps, parts twice, parts out of step": "1: a subscriber: part 7 came twice",
        "journal and a subscriber differ": "1: parts [8]",
        "parts passed whose photo is none of a good part": "1: parts [9]",
        "parts passed without the row of a PASS": "1: parts [9]",
        "parts whose end the journal does not know": "1: parts [10]",
        "followers that have died": "1: stay: KeyError()",
    }


def test_parts_are_told_apart_though_their_triggers_wrap_and_the_missed_have_no_number() -> None:
    book = Book("journal", VERDICTS)
    for part in range(1, 140_001):
        book.note((part - 1) % 65_535 + 1, 0 if part % 1000 == 0 else part, "pass")
    assert (book.complete_to, book.troubles) == (140_000, [])
    book.note(9, 9, "pass")
    assert book.troubles == ["trigger 9, part 9: pass"]


def test_ctrl_c_ends_it_with_the_figures_so_far_and_nothing_stays_behind(tmp_path: Path) -> None:
    """A real one, of the real product; how fast this computer is does not matter here."""
    soak = subprocess.Popen(
        [sys.executable, "-m", "tests.soak", "--hours", "1", "--out", str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert soak.stdout is not None
    assert any("the belt runs" in line for line in soak.stdout)
    with pytest.raises(subprocess.TimeoutExpired):
        soak.wait(2)
    soak.send_signal(signal.SIGINT)
    said = soak.communicate(timeout=200)[0]
    assert soak.returncode == 1, said
    assert "== soak ENDED EARLY (Ctrl-C): figures so far" in said
    figures = json.loads((tmp_path / "soak.json").read_text())
    passed = {goal["what"]: goal["passed"] for goal in figures["goals"]}
    assert figures["parts"] > 5
    assert {
        what for what, met in passed.items() if "differ" in what or "=" in what or "passed" in what if not met
    } == set()
    assert not passed["the whole time"]
    ElementTree.parse(tmp_path / "soak.svg")
    assert not list(tmp_path.glob("linegate-*")), "its folder was left behind"
    assert str(tmp_path) not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
