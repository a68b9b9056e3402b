"""How the station stands, as systemd and the log have it: each change at once, the count of parts now and then."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent import standing as standing_module
from agent.config import StationConfig
from agent.plc.decision import Situation
from agent.standing import Standing, Waiting
from tests.systemd import statuses, told_to_systemd

ERROR = "PART_ID_ERROR: clear the belt, then CLEAR_FAULT"


@dataclass
class Link:
    """As it stands now."""

    why_offline: str = ""
    what_is_lost: str = ""
    situation: Situation = field(default_factory=Situation)

    def offline(self) -> str:
        return self.why_offline

    def trouble(self) -> str:
        return self.what_is_lost


def standing_of(link: Link, folder: Path) -> Standing:
    return Standing(StationConfig(line="line1", name="cam1", state_dir=folder), link, lambda: link.situation)


def test_offline_is_said_instead_of_ready_and_ready_again_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    link = Link()
    standing = standing_of(link, tmp_path)
    with told_to_systemd(tmp_path / "notify") as messages:
        for link.why_offline in (ERROR, ERROR, "", "", ERROR):
            standing.say()
    assert statuses(messages) == [f"offline: {ERROR}", "inspecting", f"offline: {ERROR}"]
    assert caplog.messages == [f"offline: {ERROR}", "READY: line line1, station cam1", f"offline: {ERROR}"]


def test_the_status_tells_of_a_lost_plc_and_of_alarms_at_once_and_counts_parts_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link()
    standing = standing_of(link, tmp_path)
    with told_to_systemd(tmp_path / "notify") as messages:
        for inspected in range(1000):
            link.situation = Situation(inspected=inspected, no_decisions={"deadline": 2, "plc_link": 1})
            standing.say()
        link.situation = Situation(alarms=("DRIFT", "EVIDENCE"), inspected=1000)
        standing.say()
        link.what_is_lost = "PLC 192.168.10.20:502: connection refused or unreachable"
        standing.say()
        monkeypatch.setattr(standing_module, "COUNTS_S", 0.0)  # some time later
        link.situation = Situation(inspected=1001)
        standing.say()
    assert statuses(messages) == [
        "inspecting; 3 parts, 3 of them not inspected",
        "inspecting; alarms: DRIFT, EVIDENCE; 1,000 parts",
        "waiting: PLC 192.168.10.20:502: connection refused or unreachable; alarms: DRIFT, EVIDENCE; 1,000 parts",
        "waiting: PLC 192.168.10.20:502: connection refused or unreachable; 1,001 parts",
    ]


def test_what_is_waited_for_is_logged_on_change_and_told_to_systemd_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    waiting = Waiting()
    with told_to_systemd(tmp_path / "notify") as messages:
        for what in ["camera x: no such device"] * 5 + ["PLC: connecting"] * 5:
            waiting.say(what)
    assert caplog.messages == ["waiting: camera x: no such device", "waiting: PLC: connecting"]
    assert len(statuses(messages)) == 10


HELD_IN_C = """
import ctypes, signal
from agent.service import stop_on_signals
from agent.standing import Waiting
stop = stop_on_signals()
with Waiting().opening("the model", 600):
    print("opening", flush=True)
    ctypes.PyDLL(None).sleep({seconds})  # no thread of Python's runs meanwhile, no handler of a signal
print("opened", flush=True)
assert stop.wait(60)
"""


@pytest.mark.parametrize(("seconds", "code"), [(60, -signal.SIGTERM), (0, 0)], ids=["while it opens", "afterwards"])
def test_a_signal_ends_a_start_at_once_and_an_opened_station_in_order(seconds: int, code: int, tmp_path: Path) -> None:
    with told_to_systemd(tmp_path / "notify") as messages:
        process = subprocess.Popen(
            [sys.executable, "-c", HELD_IN_C.format(seconds=seconds)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "opening\n"
        assert seconds or process.stdout.readline() == "opened\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == code
        process.stdout.close()
    assert messages == ["STATUS=opening the model\nEXTEND_TIMEOUT_USEC=600000000"]
