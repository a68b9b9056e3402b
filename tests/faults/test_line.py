"""The whole line end to end: station, PLC simulator and subscriber as processes, with real faults between them.

No times are asserted: on a slow computer parts become NO_DECISION, and that must be safe, recorded and consistent.
"""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from agent.local_line import free_port, to_toml
from agent.plc.register_map import AGENT_BLOCK, Status
from tests.conftest import ROOT, Linegate
from tests.faults.chaos_proxy import FAULTS
from tests.faults.observed_line import ObservedLine, ProxiedLine, line_of
from tests.waiting import wait_until

STAGES = {"grab", "segment", "run", "judge", "write", "total"}


def test_the_whole_line_and_its_orderly_end(two_verdict_model: Path) -> None:
    with ObservedLine(line_of(two_verdict_model, seconds=4, rate_per_s=15)) as line:
        wait_until(lambda: line.finished, "the subscriber has heard of every part")
        line.wait_for_all_rows()
        counts = line.check_ledgers()
        assert min(counts["pass"], counts["reject"]) >= 5, "this run has proved nothing"
        live = sorted((message.trigger_seq, message.verdict) for message in line.messages)
        assert live == sorted((row["trigger_seq"], row["verdict"]) for row in line.rows())
        for message in line.messages:
            if message.verdict != "no_decision":
                assert set(message.latencies_ms) == STAGES
                assert message.in_time is not None
                assert message.simulated
        station = line.processes["station"]
        station.send_signal(signal.SIGTERM)
        assert station.wait(10) == 0
        status = Status(AGENT_BLOCK.get(line.agent_words(), "STATUS"))
        assert not status & (Status.ONLINE | Status.READY), "the PLC was not told that the station went"


def test_kill_9_in_mid_belt_and_a_clean_restart(two_verdict_model: Path) -> None:
    """No PASS without its row (the row is required here), and every part in the record although nobody saw it."""
    changes = {"journal": {"required": True, "wait_ms": 200}}
    with ObservedLine(line_of(two_verdict_model, seconds=20, rate_per_s=12), changes) as line:
        for _ in range(2):
            line.wait_for_parts(len(line.truth()) + 6)
            line.kill_station()
            line.restart_station()
        wait_until(lambda: line.rows()[-1]["agent_epoch"] == 3, "the third life has inspected a part")
        line.end_here()
        counts = line.check_ledgers()
        assert sum(counts.values()) == line.options.parts
        rows = line.rows()
        assert {row["agent_epoch"] for row in rows} == {1, 2, 3}
        assert any(row["reason"] == "agent_down" for row in rows)
        assert line.processes["station"].poll() is None


def test_a_plc_that_comes_later_is_waited_for_visibly(tiny_model: Path) -> None:
    camera = f"tcp://127.0.0.1:{free_port()}"
    line = ObservedLine(line_of(tiny_model, seconds=1, rate_per_s=1), {"camera": {"endpoint": camera}})
    settings = line._write_config()
    try:
        with camera_without_line(camera):
            line.start("station", ["run", str(line.config)])
            wait_until(lambda: line.said(f"waiting: PLC 127.0.0.1:{settings['plc']['port']}") > 0, "it says so")
            assert line.said("READY") == 0
            line.start("simulator", line._simulator_arguments(settings))
            wait_until(lambda: line.said("READY:") == 1, "the station is READY")
            wait_until(lambda: bool(line.said("agent READY", "simulator")), "the PLC sees it READY")
    finally:
        line.__exit__(None, None, None)


@contextmanager
def camera_without_line(endpoint: str) -> Iterator[None]:
    """A camera that is alive and sees nothing."""
    over = threading.Event()

    def live() -> None:
        with zmq.Context() as context, context.socket(zmq.PUSH) as wire:
            wire.setsockopt(zmq.LINGER, 0)
            wire.bind(endpoint)
            while not over.wait(0.1):
                if wire.poll(0, zmq.POLLOUT):
                    wire.send(b"{}")

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


@pytest.mark.faults
def test_a_plc_that_stands_still_for_a_while(two_verdict_model: Path) -> None:
    """Frozen for 300 ms and for 1.5 s, in mid-belt: every part decided once, none passed by mistake."""
    with ObservedLine(line_of(two_verdict_model, seconds=5, rate_per_s=15)) as line:
        for parts, frozen_s in ((10, 0.3), (25, 1.5)):
            line.wait_for_parts(parts)
            line.processes["simulator"].send_signal(signal.SIGSTOP)
            time.sleep(frozen_s)
            line.processes["simulator"].send_signal(signal.SIGCONT)
        line.wait_for_all_rows()
        line.check_ledgers()
        after = [row for row in line.rows() if row["trigger_seq"] > line.options.parts - 10]
        assert any(row["verdict"] != "no_decision" for row in after), "the line has not come back"


@pytest.mark.faults
def test_link_faults_at_twenty_five_parts_a_second(two_verdict_model: Path) -> None:
    """Each fault of the proxy between station and PLC, with a real model; test_link_faults.py has the numbers."""
    with ProxiedLine(line_of(two_verdict_model, seconds=5, rate_per_s=25)) as line:
        line.wait_for_parts(1)
        chance, faults = random.Random(7), 0
        while len(line.truth()) < line.options.parts - 10 and line.proxy is not None:
            line.proxy.inject(FAULTS[faults % len(FAULTS)], chance.uniform(0.02, 0.3))
            faults += 1
            time.sleep(chance.uniform(0.1, 0.3))
        line.wait_for_all_rows()
        counts = line.check_ledgers()
        assert faults >= len(FAULTS)
        assert sum(counts.values()) == line.options.parts
        assert min(counts["pass"], counts["reject"]) >= 5, "this run has proved nothing"


# --- ports in use ----------------------------------------------------------------------------------------------------


def one_error_line(result: subprocess.CompletedProcess[str], complaint: str) -> None:
    assert result.returncode == 78, result.stderr
    assert "Traceback" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    assert complaint in errors[0]


def test_the_plc_simulator_refuses_a_port_in_use(linegate: Linegate) -> None:
    with listener() as port:
        one_error_line(
            linegate("plc", "sim", "--port", port, "--camera", f"tcp://127.0.0.1:{free_port()}", "--parts", 1),
            f"cannot listen on 127.0.0.1:{port}: port is in use",
        )


@pytest.mark.parametrize("which", ["results", "replay"])
def test_the_station_refuses_a_results_port_in_use(
    linegate: Linegate, tmp_path: Path, tiny_model: Path, which: str
) -> None:
    settings = folder_station(tmp_path, tiny_model)
    with listener() as port:
        settings["publisher"][which] = f"tcp://127.0.0.1:{port}"
        config = tmp_path / "station.toml"
        config.write_text(to_toml(settings))
        one_error_line(linegate("run", config), f"publisher.{which} = 'tcp://127.0.0.1:{port}': address already in use")


@contextmanager
def listener() -> Iterator[int]:
    """Another program on a port."""
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        yield socket.bind_to_random_port("tcp://127.0.0.1")


def folder_station(folder: Path, model: Path) -> dict[str, Any]:
    """A station that needs no simulator: it replays the sample tiles."""
    return {
        "recipe": str(ROOT / "config" / "recipes" / "magnetic_tile.toml"),
        "station": {"line": "line1", "name": "cam1", "state_dir": str(folder / "state")},
        "camera": {"driver": "folder", "path": str(ROOT / "config" / "sample_tiles")},
        "trigger": {"mode": "announced", "min_pitch_ms": 100},
        "calibration": {"x_mm_per_px": 0.1, "y_mm_per_px": 0.1},
        "model": {"path": str(model), "provider": "cpu", "threads": 1},
        "plc": {"host": "127.0.0.1", "port": free_port(), "scan_ms": 5, "guard_ms": 25},
        "publisher": {name: f"tcp://127.0.0.1:{free_port()}" for name in ("results", "replay", "control")},
    }


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["missing", "no class folders", "no good parts"])
def test_a_folder_that_is_not_the_data_set_is_refused(linegate: Linegate, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "images"
    if content != "missing":
        (folder / ("MT_Crack/Imgs" if content == "no good parts" else "photos")).mkdir(parents=True)
    one_error_line(linegate("demo", "--images", folder, "--seconds", 1), "give the folder of the unpacked")


def test_a_photo_that_is_none_is_named(linegate: Linegate, tmp_path: Path) -> None:
    for name in ("MT_Free", "MT_Crack"):
        (tmp_path / name / "Imgs").mkdir(parents=True)
        (tmp_path / name / "Imgs" / "photo.jpg").write_bytes(b"no jpeg")
    one_error_line(linegate("demo", "--images", tmp_path, "--seconds", 1), "photo.jpg cannot be read as an image")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("missing", "no such"),
        ("empty", "no images"),
        ("unreadable", "broken.png cannot be read as an image"),
    ],
)
def test_a_camera_folder_that_shows_nothing_is_refused(
    linegate: Linegate, tmp_path: Path, tiny_model: Path, content: str, complaint: str
) -> None:
    folder = tmp_path / "photos"
    if content != "missing":
        folder.mkdir()
    if content == "unreadable":
        (folder / "broken.png").write_bytes(b"no image")
    settings = folder_station(tmp_path, tiny_model)
    settings["camera"]["path"] = str(folder)
    config = tmp_path / "station.toml"
    config.write_text(to_toml(settings))
    one_error_line(linegate("run", config), complaint)
    checked = linegate("check", config)
    assert (checked.returncode, checked.stdout.count(complaint)) == (78, 1), checked.stdout


def test_a_corrupt_model_stops_the_station(linegate: Linegate, tmp_path: Path, tiny_model: Path) -> None:
    corrupt = tmp_path / "corrupt.onnx"
    corrupt.write_bytes(tiny_model.read_bytes()[:500])
    config = tmp_path / "station.toml"
    config.write_text(to_toml(folder_station(tmp_path, corrupt)))
    one_error_line(linegate("run", config), "no exported model, or not all of it")
    assert not (tmp_path / "state" / "agent_epoch").exists(), "a station that cannot run must not use up an agent epoch"
