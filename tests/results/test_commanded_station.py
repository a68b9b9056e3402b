"""A station under an operator's commands, as processes: with a PLC, whose program sees it, and without one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import Fault
from agent.journal.history import open_reader
from agent.plc.register_map import AGENT_BLOCK, Status
from agent.subscriber.control_client import give_command, take_snapshot
from tests.cameras.standalone_station import StandaloneStation
from tests.plc.test_orders_line import OrderedLine, lenient_recipe
from tests.waiting import newest_pulse, wait_until


def events(journal: Path) -> list[tuple[str, str, str, str]]:
    """(kind, what, who, detail), oldest first."""
    with open_reader(journal) as reader:
        found = reader.execute("SELECT kind, what, who, detail FROM events ORDER BY event_id").fetchall()
    reader.close()
    return [tuple(row) for row in found]


def test_a_pause_is_the_plcs_to_see_and_the_job_the_operators_where_the_plc_selects_none(
    two_verdict_model: Path, tmp_path: Path
) -> None:
    with OrderedLine(two_verdict_model, 25, "", lenient_recipe(tmp_path)) as line:
        control = line.endpoints["control"]

        def shows(bit: Status) -> bool:
            return bool(Status(AGENT_BLOCK.get(line.agent_words(), "STATUS")) & bit)

        line.wait_for_parts(3)
        give_command(control, "pause", "R. Diaz")
        wait_until(lambda: not shows(Status.READY), "the PLC sees it paused")
        with pytest.raises(Fault, match="by CLEAR_FAULT"):
            give_command(control, "clear", "R. Diaz")
        before = len(line.truth())
        give_command(control, "job", "A. Ito", "lenient")
        assert not shows(Status.READY)
        give_command(control, "resume", "A. Ito")
        line.wait_for_parts(before + 8)
        photo = tmp_path / "now.png"
        shown = take_snapshot(control, "A. Ito", photo)
        assert line.stop("station") == 0
        rows = line.rows()
        told = events(line.journal)
    assert cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE).size > 1000
    assert f": {photo} and {photo.with_suffix('.mask.png')}: part " in shown
    assert cv2.imread(str(photo.with_suffix(".mask.png"))) is not None
    assert {row["verdict"] for row in rows if row["job"] == 2} <= {"pass", "no_decision"}, "no class of it counts"
    assert sum(row["job"] == 2 and row["verdict"] == "pass" for row in rows) >= 3
    assert not any(row["verdict"] == "pass" and "paused" in row["detail"] for row in rows)
    commands = [(what, who) for kind, what, who, _ in told if kind == "command"]
    assert commands == [("pause", "R. Diaz"), ("clear", "R. Diaz"), ("job", "A. Ito"), ("resume", "A. Ito"),
                        ("snapshot", "A. Ito")]  # fmt: skip


def test_without_a_plc_the_operator_has_it_all_and_a_pause_outlives_a_kill(
    two_verdict_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tiles"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), np.random.default_rng(1).integers(90, 110, (64, 64), np.uint8))
    station = StandaloneStation(
        tmp_path, folder, two_verdict_model, {"mode": "software", "capture_window_ms": 2000, "deadline_ms": 3000}
    )
    station.config.write_text(f'other_recipes = ["{lenient_recipe(tmp_path)}"]\n' + station.config.read_text())
    results, control = station.endpoints["results"], station.endpoints["control"]
    station.start()
    try:
        with pytest.raises(Fault, match="no photo yet"):
            give_command(control, "snapshot", "R. Diaz")
        give_command(control, "challenge", "R. Diaz")
        give_command(control, "trigger", "R. Diaz")
        station.wait(lambda: station.rows())
        station.wait(lambda: "CHALLENGE_PASSED" in newest_pulse(results).alarms)
        assert give_command(control, "clear", "R. Diaz").detail == "cleared: CHALLENGE_PASSED"
        give_command(control, "pause", "R. Diaz")
        with pytest.raises(Fault, match=r"refused: paused by R\. Diaz: linegate resume"):
            give_command(control, "trigger", "R. Diaz")
        wait_until(
            lambda: events(station.journal)[-1][-1].startswith("refused: paused"), "its row is there, soon after"
        )
        station.kill()
        station.start("offline: paused by R. Diaz: linegate resume")
        wait_until(lambda: newest_pulse(results).upkeep.paused_by == "R. Diaz", "the pulse tells of it")
        give_command(control, "resume", "R. Diaz")
        with pytest.raises(Fault, match="'3' is no recipe of this station: it has 1 'magnetic_tile', 2 'lenient'"):
            give_command(control, "job", "R. Diaz", "3")
        give_command(control, "job", "R. Diaz", "2")
        give_command(control, "trigger", "R. Diaz")
        station.wait(lambda: len(station.parts()) == 2)
        assert station.stop() == 0
        assert [row["job"] for row in station.rows() if row["kind"] == "inspection"] == [1, 2]
        lives = [
            (kind, detail.split(",")[0]) for kind, *_, detail in events(station.journal) if kind in ("start", "stop")
        ]
        assert [kind for kind, _ in lives] == ["start", "start", "stop"], "the kill left no word"
        assert lives[-1][1] == "asked to"
        refused = [detail for _, what, _, detail in events(station.journal) if detail.startswith(("refused", "3: "))]
        assert len(refused) == 3
    finally:
        station.close()
