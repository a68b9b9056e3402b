"""Stations without a PLC, as processes: exactly one result a trigger, whoever makes the triggers."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from agent.config import load_config
from agent.errors import ConfigError, Fault
from agent.subscriber.control_client import give_command
from tests.cameras.standalone_station import StandaloneStation
from tests.conftest import ROOT, Linegate

Stations = Callable[..., StandaloneStation]
GOOD, BAD = 200, 30


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """A good tile and a bad one, in turn."""
    folder = tmp_path / "tiles"
    folder.mkdir()
    for number, grey in enumerate((GOOD, BAD)):
        image = np.random.default_rng(number).integers(GOOD - 9, GOOD + 9, (64, 64), np.uint8)
        image[20:40, 20:40] = grey
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


@pytest.fixture
def station(tmp_path: Path, two_verdict_model: Path) -> Iterator[Stations]:
    made: list[StandaloneStation] = []

    def make(folder: Path, trigger: dict[str, Any], **camera: float) -> StandaloneStation:
        made.append(StandaloneStation(tmp_path, folder, two_verdict_model, trigger, **camera))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_timer_each_tick_one_result_and_a_gap_row_for_the_time_that_nobody_counted(
    station: Stations, tiles: Path
) -> None:
    bench = station(tiles, {"mode": "timer", "period_ms": 50})
    with pytest.raises(Fault, match=r"trigger\.mode = 'timer': parts are asked for with"):
        give_command(bench.endpoints["control"], "trigger", "R. Diaz")
    bench.wait(lambda: len(bench.messages) >= 6)
    bench.kill()
    bench.start()
    before = len(bench.parts())
    bench.wait(lambda: len(bench.parts()) >= before + 4)
    assert bench.stop() == 0
    rows, first, second = bench.rows(), bench.rows()[0]["plc_epoch"], bench.rows()[-1]["plc_epoch"]
    assert bench.parts() == sorted(bench.parts())
    assert first < second
    for epoch in (first, second):
        seqs = [seq for plc_epoch, seq in bench.parts() if plc_epoch == epoch]
        assert seqs == list(range(1, len(seqs) + 1)), "each tick one row, none left out"
    (gap,) = [row for row in rows if row["kind"] == "gap"]
    assert (gap["plc_epoch"], gap["trigger_seq"], gap["verdict"]) == (second, 0, "no_decision")
    assert all(row["completed"] and row["plc_action"] == "unknown" for row in rows)
    heard = [message.message_id for message in bench.messages]
    assert heard == [row["message_id"] for row in rows][: len(heard)], "each row once, over the kill"
    assert {row["verdict"] for row in rows if row["kind"] == "inspection"} >= {"pass", "reject"}
    assert "no PLC: verdicts go to subscribers and journal alone" in bench.said()


def test_software_two_clients_at_once_each_get_their_own_parts(
    station: Stations, tiles: Path, linegate: Linegate
) -> None:
    bench = station(tiles, {"mode": "software", "capture_window_ms": 2000, "deadline_ms": 3000})
    with ThreadPoolExecutor(2) as clients:
        replies = list(clients.map(lambda who: give_command(bench.endpoints["control"], "trigger", who), "ABABABAB"))
    command = linegate("trigger", "--who", "R. Diaz", "--control", bench.endpoints["control"])
    assert command.returncode == 0, command.stderr
    assert ": part 9 accepted: " in command.stdout
    bench.wait(lambda: len(bench.messages) >= 9)
    asked = Counter((reply.plc_epoch, reply.trigger_seq, reply.part_id) for reply in replies)
    answered = Counter((message.plc_epoch, message.trigger_seq, message.part_id) for message in bench.messages)
    assert len(asked) == 8
    assert answered - asked == Counter({(1, 9, 9): 1})
    assert {message.verdict for message in bench.messages} == {"pass", "reject"}
    assert bench.stop() == 0
    assert len(bench.rows()) == 9


def test_every_frame_of_the_camera_is_a_part_in_order(station: Stations, tiles: Path) -> None:
    bench = station(tiles, {"mode": "every_frame"}, rate_per_s=25)
    bench.wait(lambda: len(bench.messages) >= 10)
    assert bench.stop() == 0
    rows = bench.rows()
    assert [row["trigger_seq"] for row in rows] == list(range(1, len(rows) + 1))
    verdicts = [row["verdict"] for row in rows if row["verdict"] != "no_decision"]
    assert len(verdicts) >= 10
    assert all(one != other for one, other in itertools.pairwise(verdicts)), "each its own frame"


def test_presence_a_part_that_passes_is_one_trigger_and_the_frame_shows_it_whole(
    station: Stations, tmp_path: Path
) -> None:
    belt = tmp_path / "belt"
    belt.mkdir()
    left_px = [None] * 10 + list(range(-20, 64, 6)) + [None] * 4
    for number, left in enumerate(left_px):
        image = np.full((64, 64), GOOD, np.uint8)
        if left is not None:
            image[10:54, max(0, left) : left + 20] = BAD
        cv2.imwrite(str(belt / f"{number:03}.png"), image)
    bench = station(belt, {"mode": "presence"}, rate_per_s=60)
    bench.wait(lambda: len(bench.messages) >= 3)
    assert bench.stop() == 0
    rows = bench.rows()
    one_pass_ns = len(left_px) * 1e9 / 60
    for before, after in itertools.pairwise(rows):
        assert after["triggered_ns"] - before["triggered_ns"] > 0.9 * one_pass_ns, "one trigger in each pass"
    judged = [row for row in rows if row["verdict"] != "no_decision"]
    assert judged
    assert all(row["verdict"] == "reject" for row in judged)
    assert all(f'"area_mm2": {44 * 20 / 100}' in row["evidence"] for row in judged), "the whole of it"


TIMER = (ROOT / "config" / "timer.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[calibration]", "[reject]\n[calibration]", "table [reject] needs a PLC, and trigger.mode = 'timer' has none"),
        ("[calibration]", "[alarm]\n[calibration]", "table [alarm] needs a PLC"),
        ("[calibration]", '[plc]\nhost = "plc"\n[calibration]', "trigger.mode = 'timer' has no PLC that announces"),
        ("period_ms = 500", "", "missing key 'trigger.period_ms'"),
        ("period_ms = 500", "period_ms = 499", "trigger.min_pitch_ms = 500 is longer than trigger.period_ms = 499"),
        ('mode = "timer"', 'mode = "software"', "trigger.period_ms goes with trigger.mode = 'timer'"),
        ('mode = "timer"\nperiod_ms = 500', 'mode = "announced"', "missing table [plc]"),
        ("period_ms = 500", "period_ms = 500\npresence = {}", "[trigger.presence] goes with trigger.mode = 'presence'"),
    ],
)
def test_what_needs_a_plc_is_one_clear_line_without_one(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = re.sub(r" *# .*", "", TIMER)
    assert old in text
    path = tmp_path / "station.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_a_deadline_of_ones_own_does_not_go_with_a_plc(tmp_path: Path) -> None:
    demo = (ROOT / "config" / "demo.toml").read_text()
    path = tmp_path / "station.toml"
    path.write_text(demo.replace("min_pitch_ms = 50", "min_pitch_ms = 50\ndeadline_ms = 200"))
    with pytest.raises(ConfigError, match=r"trigger\.deadline_ms does not go with trigger\.mode = 'hardware'"):
        load_config(path)
