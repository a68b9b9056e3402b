"""The shipped unit under a real systemd: what starts, what ends and what comes again; the PLC is watched meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.local_line import LineOptions
from agent.log.happening import Happening
from agent.plc.register_map import Status
from agent.subscriber.control_client import give_command
from tests.faults.plc_memory import HeartbeatWatch, PlcMemory
from tests.faults.sizes import sized
from tests.faults.slow_subscribers import bad_peers
from tests.service.machine import Machine
from tests.service.service_line import ServiceLine
from tests.waiting import wait_until

pytestmark = pytest.mark.alone

STOP_LIMIT_S = 2.0
READY_LIMIT_S = 5.0
WATCHDOG_S, WITHIN_S = 5.0, 1.0
STILL_S = 0.3
LATE_S = 0.8
START_LIMIT_S = 10
PRIORITY_OF_AN_ERROR = 3
BELT = LineOptions(seconds=300, rate_per_s=5)


def is_ready(memory: PlcMemory) -> bool:
    return Status.ONLINE | Status.READY in Status(memory.agent("STATUS"))


@dataclass(frozen=True)
class Waiting:
    """Two stations that have been started, and nobody answers them."""

    without_camera: ServiceLine
    without_plc: ServiceLine
    begun_s: float


@pytest.fixture(scope="module", autouse=True)
def waiting(machine: Machine) -> Iterator[Waiting]:
    """They wait while all other tests run; systemd would give up after TimeoutStartSec, and start them again."""
    lines = ServiceLine(machine, "camera", BELT), ServiceLine(machine, "plc", BELT)
    for line in lines:
        line.prepare(simulated=False)
        machine.drop_in(line.unit, "short", f"[Service]\nTimeoutStartSec={START_LIMIT_S}\n")
    photos = 'driver = "folder"\npath = "/opt/linegate/source/config/sample_tiles"'
    text = re.sub("driver = .*\nendpoint = .*", photos, lines[1].service_config.read_text())
    lines[1].service_config.write_text(text.replace('"hardware"', '"announced"'))
    machine.systemctl("start", "--no-block", *(line.unit for line in lines))
    yield Waiting(*lines, time.monotonic())
    for line in lines:
        line.__exit__(None, None, None)


def test_the_shipped_unit_is_what_runs(machine: Machine) -> None:
    assert machine.systemctl("cat", "linegate@any").count("\n# /") == 0, "no drop-in is needed for the namespaces"


def test_a_bad_config_stays_down_with_one_clear_line(machine: Machine) -> None:
    """Not restarted, not even after RestartSec; 78 is what tells systemd so."""
    line = ServiceLine(machine, "bad", BELT)
    line.prepare(simulated=False)
    line.service_config.write_text(line.service_config.read_text().replace("[plc]", "[plc]\ncycel_ms = 3"))
    assert machine.run("systemctl", "start", "linegate@bad").returncode == 1
    time.sleep(0.5)
    found = machine.show("linegate@bad", "ActiveState", "ExecMainStatus", "NRestarts")
    assert found == {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}
    (said,) = [entry for entry in machine.journal("linegate@bad") if entry["_COMM"] != "systemd"]
    assert "unknown key 'plc.cycel_ms' (did you mean 'cycle_ms'?)" in said["MESSAGE"]
    assert int(said["PRIORITY"]) <= PRIORITY_OF_AN_ERROR


@pytest.fixture(scope="module")
def line(machine: Machine) -> Iterator[ServiceLine]:
    """One belt for all that follows: however its station ends and comes again, each part has one decision."""
    everything_kept: dict[str, dict[str, Any]] = {"archive": {"pass_every": 1}, "publisher": {"images": "all"}}
    with ServiceLine(machine, "line1", BELT, everything_kept) as running:
        yield running


@pytest.fixture
def memory(line: ServiceLine) -> Iterator[PlcMemory]:
    """Of its PLC, while it inspects."""
    with line.memory() as open_memory:
        wait_until(lambda: is_ready(open_memory), "the station is READY")
        line.wait_for_parts(len(line.truth()) + 3)
        yield open_memory


def test_stop_leaves_the_plc_offline(machine: Machine, line: ServiceLine, memory: PlcMemory) -> None:
    """Also while images wait for the archive, and for subscribers who do not read them."""
    frozen = bad_peers(line.endpoints, never_reads=2, frozen=2)
    with frozen, HeartbeatWatch(line.settings["plc"]["port"]) as watch:
        begun_s = time.monotonic()
        machine.systemctl("stop", "--no-block", line.unit)
        machine.run("systemctl", "kill", "--signal=TERM", line.unit)  # once more: somebody is impatient
        line.stop_station()
        took_s = time.monotonic() - begun_s
        assert not Status(memory.agent("STATUS")) & (Status.ONLINE | Status.READY)
        assert took_s < STOP_LIMIT_S
        time.sleep(STILL_S)
        assert time.monotonic() - watch.moved_s[-1] > STILL_S, "the heartbeat stands"
    assert machine.show(line.unit, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    line.start_station()


def test_kill_9_is_followed_by_a_station_that_is_ready_again(
    machine: Machine, line: ServiceLine, memory: PlcMemory
) -> None:
    epoch, begun_s = memory.agent("AGENT_EPOCH"), time.monotonic()
    os.kill(machine.main_pid(line.unit), signal.SIGKILL)
    wait_until(lambda: memory.agent("AGENT_EPOCH") != epoch and is_ready(memory), "it is READY again")
    assert time.monotonic() - begun_s < READY_LIMIT_S


def test_a_process_that_stands_still_is_killed_by_the_watchdog(
    machine: Machine, line: ServiceLine, memory: PlcMemory
) -> None:
    epoch, begun_s, pid = memory.agent("AGENT_EPOCH"), time.monotonic(), machine.main_pid(line.unit)
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "systemd has killed it")
    assert time.monotonic() - begun_s < WATCHDOG_S + WITHIN_S
    wait_until(lambda: memory.agent("AGENT_EPOCH") != epoch and is_ready(memory), "it is READY again")


def test_the_log_is_found_by_kind_and_by_part(machine: Machine, line: ServiceLine, memory: PlcMemory) -> None:
    """A process that stands still for a moment comes too late for some parts: a line each, and no more than that."""
    pid = machine.main_pid(line.unit)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(LATE_S)
    os.kill(pid, signal.SIGCONT)

    def found(*fields: str) -> list[dict[str, Any]]:
        said = machine.run("journalctl", "--output=json", f"--unit={line.unit}", *fields, check=True).stdout
        return [json.loads(entry) for entry in said.splitlines()]

    wait_until(lambda: found(f"MESSAGE_ID={Happening.NO_DECISION.value}"), "a part has no decision")
    entry = found(f"MESSAGE_ID={Happening.NO_DECISION.value}")[0]
    wanted = {"PRIORITY": "4", "LINE": "line1", "STATION": "cam1", "VERDICT": "no_decision", "EVENT": "no_decision"}
    assert wanted.items() <= entry.items()
    assert entry["MESSAGE"].startswith(f"part {entry['PART_ID']} (trigger {entry['TRIGGER_SEQ']}): no decision (")
    assert entry in found(f"PART_ID={entry['PART_ID']}")
    lives = [int(started["AGENT_EPOCH"]) for started in found(f"MESSAGE_ID={Happening.READY.value}")]
    assert lives
    assert lives == sorted(set(lives)), "a line for each time it was READY"


def test_reload_reads_the_recipe_again_without_a_stop(machine: Machine, line: ServiceLine, memory: PlcMemory) -> None:
    pid, recipe = machine.main_pid(line.unit), line.recipes / f"{line.instance}.toml"
    recipe.write_text(recipe.read_text().replace('"magnetic_tile"', '"tile_2"'))
    machine.systemctl("reload", line.unit)
    wait_until(lambda: line.rows()[-1]["recipe"] == "tile_2", "parts are judged by it")
    give_command(line.endpoints["control"], "job", "R. Diaz", "1")
    assert json.loads((line.journal.parent / "operator.json").read_text())["job"] == 1, "a restart obeys it too"
    assert machine.main_pid(line.unit) == pid


@sized(("restarts",), (3,), (20,))
def test_restarts_in_a_row_leave_every_part_with_one_decision(
    machine: Machine, line: ServiceLine, memory: PlcMemory, restarts: int
) -> None:
    """And all that has been done to it before."""
    for _ in range(restarts):
        machine.systemctl("restart", line.unit)
        wait_until(lambda: is_ready(memory), "it is READY again")
        line.wait_for_parts(len(line.truth()) + 3)
    line.end_here()
    verdicts = line.check_ledgers()
    assert min(verdicts["pass"], verdicts["no_decision"]) > 0, "this run has proved nothing"


def test_what_it_waits_for_is_said_and_waited_for_beyond_the_start_time_out(machine: Machine, waiting: Waiting) -> None:
    camera, plc = waiting.without_camera, waiting.without_plc
    wait_until(lambda: machine.status(camera.unit).startswith("waiting: camera tcp://127.0.0.1:"), "it says so")
    wait_until(lambda: machine.status(plc.unit).startswith("waiting: PLC 127.0.0.1:"), "it says so")
    time.sleep(max(0.0, waiting.begun_s + START_LIMIT_S + 2 - time.monotonic()))
    for line in (camera, plc):
        assert machine.show(line.unit, "SubState", "NRestarts") == {"SubState": "start", "NRestarts": "0"}
        assert line.stop_station() < STOP_LIMIT_S, "it can be stopped while it waits"
    machine.systemctl("start", "--no-block", plc.unit)
    plc.start_simulator()
    plc.wait_until_active()
    plc.wait_for_parts(1)
    assert machine.status(plc.unit).startswith("inspecting")
