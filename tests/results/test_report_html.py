"""The HTML report stands alone, shows what the JSON says, and has the pictures of the archive in it."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.archive.encoded import encode
from agent.archive.layout import Why
from agent.config import Config
from agent.errors import Fault, UsageError
from agent.inspection import Frame, Inspection, Judgement, Reason, Verdict
from agent.journal.history import open_reader, to_message
from agent.report.figures import Report
from agent.report.html import PALETTE, to_html, write_html
from agent.report.period import asked_period
from agent.report.report import make_report
from tests.results.histories import BEGINS, Row, defect, station, write_event, write_history
from tests.results.records import trigger

VOID = {"meta", "img", "br", "link", "input", "hr"}
NOW = BEGINS + timedelta(hours=9)
REJECT = {"verdict": "reject", "defects": [defect("crack", 4.0)]}


class Page(HTMLParser):
    """Every element closed in its turn; what it refers to, and what it says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.said).split())


def report_of(config: Config, *rows: Row) -> Report:
    path = config.station.state_dir / "journal.sqlite"
    write_history(path, *rows)
    return made(config)


def made(config: Config) -> Report:
    period = asked_period(config.shifts, NOW, "late", "2026-03-02", None, None)
    return make_report(config, config.station.state_dir / "journal.sqlite", period, NOW)


def keep(config: Config, message_id: int, why: Why, mask: np.ndarray | None) -> None:
    """An image in the archive, as the station writes it."""
    with open_reader(config.station.state_dir / "journal.sqlite") as reader:
        row = reader.execute("SELECT * FROM inspections WHERE message_id = ?", (message_id,)).fetchone()
    message = to_message(row, config.station.line, config.station.name)
    frame = Frame(np.full((80, 120), 90, np.uint8), 1, 0)
    judgement = Judgement(Verdict.REJECT, Reason.DEFECT)
    seen = Inspection(trigger(1), judgement, {}, 0, frame, None, None if mask is None else lambda: mask)
    image = encode(message, seen, why, False, ("background", "blowhole", "crack"))
    day = config.station.state_dir / "archive" / image.name.day
    day.mkdir(parents=True, exist_ok=True)
    for name, data in image.files:
        (day / name).write_bytes(data)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return station(tmp_path, archive="[archive]")


def test_it_stands_alone_and_its_figures_are_those_of_the_json(config: Config) -> None:
    report = report_of(config, *[{}] * 1500, *[REJECT] * 60, {"verdict": "no_decision"})
    page = Page(to_html(report))
    text = to_html(report)
    assert not page.references, "no network, no other file"
    assert not re.search(r"https?:|@import|url\(|<script|<link", text)
    parts = report.parts
    for figure in (parts.counted.parts, parts.counted.passed, parts.counted.rejected, parts.counted.no_decision):
        assert f"{figure:,}" in page.said
    assert f"{100 * (parts.yield_rate or 0):.2f}" in page.text.replace("\u00a0", " ")
    assert page.tags.count("svg") == 4, "trend, Pareto, heat map of all and of the one class"
    assert text.count('class="beyond"') == sum(bucket.beyond_limits for bucket in report.trend)


def test_the_worst_rejects_of_every_class_are_shown_with_their_outlines(config: Config) -> None:
    report_of(
        config,
        REJECT,
        REJECT | {"defects": [defect("crack", 8.0)]},
        REJECT | {"defects": [defect("blowhole", 0.5)]},
        {"verdict": "no_decision"},
        REJECT | {"defects": [defect("crack", 99.0)]},  # its image is gone
    )
    spot = np.zeros((80, 120), np.uint8)
    spot[30:50, 40:80] = 2
    for message_id in (1, 2, 3):
        keep(config, message_id, Why.REJECT, spot)
    keep(config, 4, Why.NO_DECISION, None)
    report = made(config)
    assert [picture.message_id for picture in report.pictures] == [2, 3, 1, 4]
    assert report.pictures[0].defects == ["crack 8.00 mm²"]
    page = Page(to_html(report))
    images = [decoded(reference) for reference in page.references]
    assert len(images) == 4
    assert max(images[0].shape) == 320
    red, green, blue = (int(PALETTE[0][at : at + 2], 16) for at in (1, 3, 5))
    outlined = np.abs(images[0].astype(int) - (blue, green, red)).sum(axis=2) < 60
    rows, columns = np.nonzero(outlined)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == pytest.approx((106, 214, 80, 134), abs=6)
    assert not outlined[100, 160], "around the defect, not over it"


def decoded(reference: str) -> np.ndarray:
    assert reference.startswith("data:image/jpeg;base64,")
    return cv2.imdecode(np.frombuffer(base64.b64decode(reference.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)


def test_an_image_that_went_meanwhile_is_no_fault(config: Config) -> None:
    report_of(config, REJECT)
    keep(config, 1, Why.REJECT, None)
    report = made(config)
    Path(report.pictures[0].photo).unlink()
    assert "image is gone" in Page(to_html(report)).text


def test_without_an_archive_it_says_why_there_are_no_pictures(tmp_path: Path, config: Config) -> None:
    report = report_of(config, REJECT)
    assert "has none of this time's rejects" in Page(to_html(report)).text
    off = station(tmp_path)
    assert "the archive is off" in Page(to_html(made(off))).text


def test_names_are_words_not_html(config: Config) -> None:
    path = config.station.state_dir / "journal.sqlite"
    odd = '<img src="https://x">&'
    report_of(config, REJECT | {"defects": [defect(odd)], "reason": odd, "recipe": odd})
    write_event(path, "command", odd, odd)
    page = Page(to_html(made(config)))
    assert "img" not in page.tags
    assert page.text.count(odd) >= 6


@pytest.mark.parametrize(
    "rows", [[], [{"verdict": "no_decision"}], [REJECT], [{"kind": "gap", "reason": "agent_down"}]]
)
def test_little_or_nothing_is_a_whole_page_too(config: Config, rows: list[Row]) -> None:
    Page(to_html(report_of(config, *rows)))


def test_the_file_is_new_and_whole_or_not_there(config: Config, tmp_path: Path) -> None:
    report = report_of(config, REJECT)
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="no such folder"):
        write_html(report, out / "late.html")
    out.mkdir()
    write_html(report, out / "late.html")
    assert [file.name for file in out.iterdir()] == ["late.html"]
    with pytest.raises(UsageError, match="exists: name a new file"):
        write_html(report, out / "late.html")
    with pytest.raises(Fault, match="choose another folder"):
        write_html(report, out / ("x" * 250 + ".html"))
