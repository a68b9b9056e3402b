"""Camera and PLC count differently, on a real line: offline over a restart, in step again by CLEAR_FAULT alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from subprocess import Popen

import pytest

from agent.log.storm import FIRST
from agent.plc.register_map import AGENT_BLOCK, Alarm, Status
from tests.faults.observed_line import ObservedLine, line_of
from tests.systemd import statuses, told_to_systemd
from tests.waiting import newest_pulse, wait_until

pytestmark = pytest.mark.alone

GOOD = Status.ONLINE | Status.READY
MORE = 400
"""Parts: the belt never runs empty."""
OFFLINE = "offline: PART_ID_ERROR: clear the belt, then CLEAR_FAULT"
ALARMS_OFF = {"alarm": {"consecutive_rejects": 0, "consecutive_no_decisions": 0}}


class TypedLine(ObservedLine):
    """A line at whose simulator's menu the test sits."""

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        if name != "simulator":
            return super().start(name, arguments)
        command = [sys.executable, "-m", "agent", *arguments]
        with self.log(name).open("ab") as log:
            self.processes[name] = Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self._processes[name] = self.processes[name]
        return self.processes[name]

    def type(self, command: str) -> None:
        stdin = self.processes["simulator"].stdin
        assert stdin is not None
        stdin.write(f"{command}\n".encode())
        stdin.flush()

    @property
    def status(self) -> Status:
        return Status(AGENT_BLOCK.get(self.agent_words(), "STATUS"))

    @property
    def alarms(self) -> Alarm:
        return Alarm(AGENT_BLOCK.get(self.agent_words(), "ALARM"))

    def wait_until_offline(self) -> None:
        wait_until(
            lambda: bool(self.status & Status.PART_ID_ERROR and not self.status & GOOD), "PART_ID_ERROR, offline"
        )

    def wait_for_a_pass(self) -> None:
        """Of a part that has still to come."""
        parts = len(self.truth()) + 2
        wait_until(lambda: any(r["outcome"] == "passed" for r in self.truth()[parts:]), "a part passes again")

    def mismatches_told(self) -> int:
        """Parts that have a line of their own in the log for this."""
        lines = self.log("station").read_text(errors="replace").splitlines()
        return sum("no decision (frame_mismatch: " in line and " more like it " not in line for line in lines)

    def check_every_pass(self) -> int:
        """Each part that passed was good, by its own photo; how many there were."""
        expected, rows = self.expected_verdicts(), {row["trigger_seq"]: row for row in self.rows()}
        passed = [record for record in self.truth() if record["outcome"] == "passed"]
        for record in passed:
            assert expected[record["true_part_id"]] == "pass", "a part passed by another part's photo"
        for record in self.truth():
            if record["seq"] in rows:
                self._check_row(rows[record["seq"]], record, expected)
        return len(passed)


def stands_by_life(messages: list[str]) -> list[list[str]]:
    """What STATUS= said of each process, each change once: that it inspects, or why not; not what it waited for."""
    lives: list[list[str]] = []
    for status in statuses(messages):
        stands = status.split("; ")[0]
        if stands == "opening the model":
            lives.append([])
        elif not stands.startswith("waiting: ") and lives[-1][-1:] != [stands]:
            lives[-1].append(stands)
    return lives


def test_a_slip_of_one_takes_the_line_offline_until_the_belt_is_cleared(
    two_verdict_model: Path, tmp_path: Path
) -> None:
    options = line_of(two_verdict_model, MORE / 20, 20)
    with told_to_systemd(tmp_path / "notify") as messages, TypedLine(options, ALARMS_OFF) as line:
        line.wait_for_a_pass()
        assert not line.alarms, "no frame belongs to nobody as yet"
        line.type("unseen")
        line.wait_until_offline()
        assert line.said("PART_ID_ERROR, offline") == 1
        first_refused = line.truth()[-1]["seq"] + 12  # whatever the PLC had copied before may still pass

        wait_until(lambda: stands_by_life(messages) == [["inspecting", OFFLINE]], "systemd is told")
        line.kill_station()
        line.start("station", ["run", str(line.config)])
        line.wait_until_offline()
        wait_until(lambda: line.said(OFFLINE) == 2, "the log does not say READY")
        assert line.said("READY:") == 1
        wait_until(lambda: line.truth()[-1]["seq"] >= first_refused + 5, "parts pass the station that is offline")
        assert {r["arm"] for r in line.truth() if r["seq"] >= first_refused} == {"rejected"}
        wait_until(lambda: line.said("no decision (frame_mismatch: ") > 0, "the log has the first of them")
        assert 0 < line.mismatches_told() <= 2 * FIRST, "in either life the first, the others together"
        assert not line.status & GOOD

        line.type("clear")
        line.wait_for_a_pass()
        wait_until(lambda: stands_by_life(messages)[-1][-1:] == ["inspecting"], "systemd is told")
        assert stands_by_life(messages) == [["inspecting", OFFLINE], [OFFLINE, "inspecting"]]
        assert sum("READY=1" in message for message in messages) == 2, "to systemd it is up, also while it is offline"
        assert line.status & GOOD == GOOD
        assert not line.status & Status.PART_ID_ERROR
        assert not line.alarms

        line.type("flash")
        line.wait_until_offline()
        wait_until(lambda: bool(line.alarms & Alarm.UNSOLICITED_FRAME), "the frame that nobody asked for is an alarm")
        pulse = newest_pulse(line.endpoints["results"])
        assert (pulse.unsolicited_frames, pulse.alarms) == (1, ["UNSOLICITED_FRAME"])
        assert pulse.no_decisions["frame_mismatch"] >= 3
        assert line.check_every_pass() > 5
