"""F20: bad configuration, recipe or model: exit 78 with one line, and never READY; a station is whole or not there."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.check.check import check_config
from agent.config import load_config
from agent.errors import ConfigError
from agent.local_line import LineOptions, free_port, to_toml
from agent.open_station import run_station
from agent.segmenter import Segmenter
from tests.conftest import ROOT
from tests.faults.mutations import flipped, spoilt_configs, spoilt_models, spoilt_recipes
from tests.faults.observed_line import ObservedLine
from tests.faults.plc_memory import PlcMemory
from tests.faults.report import Finding, Report
from tests.faults.scripted_line import is_ready
from tests.faults.sizes import SEED, sized
from tests.systemd import told_to_systemd
from tests.tiny_model import tiny_contract, write_tiny_model
from tests.waiting import wait_until


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good station's file, recipe and model; a start in this process leaves no trace in it."""
    write_tiny_model(tmp_path / "model.onnx")
    recipe = (ROOT / "config" / "recipes" / "magnetic_tile.toml").read_bytes()
    (tmp_path / "recipe.toml").write_bytes(recipe)
    (tmp_path / "station.toml").write_text(to_toml(good_settings()))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    return tmp_path


def good_settings() -> dict[str, Any]:
    """What is not spoilt. Every table is written, so that every key of it can be."""
    settings = tomllib.loads((ROOT / "config" / "demo.toml").read_text())
    ports = {name: f"tcp://127.0.0.1:{free_port()}" for name in ("results", "replay", "control")}
    tables = ("view", "reject", "journal", "shifts", "archive", "drift", "metrics")
    files = {"recipe": "recipe.toml", "model": {"path": "model.onnx", "provider": "cpu", "threads": 1}}
    camera = {"driver": "simulated", "endpoint": f"tcp://127.0.0.1:{free_port()}"}
    own = {"station": settings["station"] | {"state_dir": "state"}, "camera": camera, "publisher": ports}
    return settings | {name: {} for name in tables} | files | own


def outcome(folder: Path) -> str:
    """Start the station with nobody to wait for: its complaint, "" when there is none. No other error gets through."""
    stopped = threading.Event()
    stopped.set()  # a sound station ends where it would wait for its camera
    try:
        run_station(load_config(folder / "station.toml"), stopped)
    except ConfigError as error:
        return str(error)
    return ""


def refused(folder: Path, spoil: Iterator[tuple[str, Callable[[], object]]], check_every: int) -> int:
    """Each must be refused in one line, before the station takes a number; how many.

    `linegate check` must know of it beforehand.
    """
    count = 0
    for what, act in spoil:
        act()
        complaint = outcome(folder)
        assert complaint, f"{what}: the station would start"
        assert "\n" not in complaint, what
        assert len(complaint) > 20, f"{what}: {complaint}"
        if count % check_every == 0:
            assert knows(folder / "station.toml"), f"{what}: linegate check says it is good"
        count += 1
    assert not (folder / "state" / "agent_epoch").exists(), "it took a number"
    return count


def knows(path: Path) -> bool:
    """Does `linegate check` tell of an error in this station's files?"""
    try:
        return check_config(path).problems.errors > 0
    except ConfigError:
        return True


def writes(path: Path, spoilt: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, Callable[[], object]]]:
    for what, content in spoilt:
        yield what, lambda content=content: path.write_bytes(content)  # type: ignore[misc]


def test_what_is_not_spoilt_starts(station: Path) -> None:
    """Else the rest would prove nothing."""
    assert outcome(station) == ""
    assert (station / "state" / "agent_epoch").exists()


@sized(("check_every",), short=(4,), full=(1,))
def test_a_spoilt_config_recipe_or_model_is_refused_in_one_line(
    station: Path, report: Report, check_every: int
) -> None:
    config, recipe, model = (station / name for name in ("station.toml", "recipe.toml", "model.onnx"))
    settings = tomllib.loads(config.read_text())
    good_config, good_recipe = config.read_bytes(), recipe.read_bytes()
    with told_to_systemd(station / "notify") as messages:
        count = refused(station, writes(config, spoilt_configs(settings)), check_every)
        config.write_bytes(good_config)
        count += refused(station, writes(recipe, spoilt_recipes(tomllib.loads(good_recipe.decode()))), check_every)
        recipe.write_bytes(good_recipe)
        count += refused(station, spoilt_models(model), check_every)
    assert not any("READY=1" in message for message in messages)
    write_tiny_model(model)
    assert outcome(station) == ""
    assert count >= 240
    report.add(Finding("F20 bad input", triggers=0, faults=count, note="all exit 78 in one line"))


@sized(("bits", "in_shipped"), short=(1, 10), full=(8, 1000))
def test_a_flipped_bit_of_the_model_is_refused(tmp_path: Path, report: Report, bits: int, in_shipped: int) -> None:
    """So many bits in every byte of a small model, and so many anywhere in the shipped one, which is mostly weights."""
    tiny, shipped, chance = write_tiny_model(tmp_path / "tiny.onnx"), tmp_path / "shipped.onnx", random.Random(SEED)
    shutil.copyfile(ROOT / "models" / "magnetic_tile.onnx", shipped)
    flips = [(tiny, place, bit) for place in range(tiny.stat().st_size) for bit in chance.sample(range(8), bits)]
    flips += [(shipped, chance.randrange(shipped.stat().st_size), chance.randrange(8)) for _ in range(in_shipped)]
    for path, place, bit in flips:
        with flipped(path, place, bit), pytest.raises(ConfigError, match="copy it again"):
            Segmenter(path, threads=1)
    for path in (tiny, shipped):
        Segmenter(path, threads=1).self_test()
    report.add(Finding("F20 bit flips", triggers=0, faults=len(flips), note="all refused"))


def settings_of(line: ObservedLine) -> list[tuple[str, str]]:
    """Files that a real `linegate run` must refuse, on a line whose PLC waits for it."""
    good = line.config.read_text()
    folder = line.config.parent
    (folder / "torn.onnx").write_bytes(line.model.read_bytes()[:3000])
    newer = tiny_contract().model_copy(update={"schema_version": 2})
    write_tiny_model(folder / "newer.onnx", contract=newer.model_dump_json())
    (folder / "recipe.toml").write_text('name = "x"\njob = 1\n[classes.crack]\n')
    settings = tomllib.loads(good)
    return [
        ("torn model", to_toml(settings | {"model": settings["model"] | {"path": "torn.onnx"}})),
        ("half a recipe", to_toml(settings | {"recipe": "recipe.toml"})),
        ("half a second job", to_toml(settings | {"other_recipes": ["recipe.toml"]})),
        ("newer model", to_toml(settings | {"model": settings["model"] | {"path": "newer.onnx"}})),
        ("unknown key", good.replace("min_pitch_ms", "min_pich_ms")),
        ("no TOML", good + "["),
    ]


class RefusedLine(ObservedLine):
    """A line whose PLC and belt run, and no station."""

    def __init__(self, model: Path) -> None:
        super().__init__(LineOptions(seconds=60, rate_per_s=5, model=model))
        self.model = model

    def __enter__(self) -> RefusedLine:
        self.settings = self._write_config()
        self.start("simulator", self._simulator_arguments(self.settings))
        return self


@sized(("runs",), short=(2,), full=(24,))
def test_the_plc_never_sees_a_station_with_a_bad_file(tiny_model: Path, report: Report, runs: int) -> None:
    with RefusedLine(tiny_model) as line:
        port, files = line.settings["plc"]["port"], settings_of(line)
        wait_until(lambda: listens(port), "the simulated PLC listens")
        with PlcMemory(port) as memory:
            for number in range(runs):
                what, text = files[number % len(files)]
                line.config.write_text(text)
                station = subprocess.Popen(
                    [sys.executable, "-m", "agent", "run", str(line.config)],
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
                while station.poll() is None:
                    assert not is_ready(memory), what
                    assert memory.agent("AGENT_EPOCH") == 0, f"{what}: the PLC has heard of it"
                    time.sleep(0.01)
                assert station.stderr is not None
                said = station.stderr.read()
                assert station.returncode == 78, f"{what}: {said}"
                assert said.count("\n") == 1, said
                assert said.startswith("error: "), said
    report.add(Finding("F20 bad files, at the PLC", triggers=0, faults=runs, note="never seen there"))


def listens(port: int) -> bool:
    """Does the simulator take connections yet?"""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
