"""A changeover without the rest of its station: what is told of a model and when, and what a restart will find."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from agent.config import ModelConfig, load_config
from agent.errors import ConfigError, NoDecision
from agent.event import Event
from agent.inspection import Image, Trigger
from agent.inspector import Inspector
from agent.judge import Segmentation
from agent.model import changeover
from agent.model.changeover import Changeover
from agent.model.choice import choose_model
from agent.model.store import Installed, ModelStore
from agent.model.trial import TRIAL_PARTS, OnTrial
from agent.model.try_out import try_out
from agent.plc.register_map import Alarm
from agent.raised import Raised
from agent.setup import Setup
from agent.view import open_view
from tests.faults.test_model_swap import recipe_text, sha256_of
from tests.model.model_line import WHO
from tests.model.odd_models import write_invalid, write_passing
from tests.model.test_restarts import OneAtATime
from tests.waiting import PATIENCE_S, wait_until

TILE = np.full((64, 64), 128, np.uint8)


class WaitsWhenOpen(ModelStore):
    """Asked for the config's model once more when the new one is open; then it waits."""

    def __init__(self, state_dir: Path, configured: Path) -> None:
        super().__init__(state_dir, configured)
        self.asked, self.is_open, self.go_on = 0, threading.Event(), threading.Event()

    def configured(self) -> str:
        self.asked += 1
        if self.asked == 2:
            self.is_open.set()
            assert self.go_on.wait(PATIENCE_S)
        return super().configured()


class Bench:
    """Of `station`, which does not run."""

    def __init__(self, station: OneAtATime, store: ModelStore) -> None:
        self.events: list[Event] = []
        self.store, self.raised, self.waiting = store, Raised(), set[Setup | None]()
        config = load_config(station.config)
        self.changeover = Changeover(config, open_view(config), store, choose_model(store, config.model.path))
        self.changeover.begin(lambda _: self.waiting, lambda _: None, self.events.append, self.raised)

    def told(self) -> list[tuple[str, str]]:
        return [(event.kind, event.what) for event in self.events]

    def swap(self, file: Path) -> Inspector:
        """It is in force, on trial."""
        before = self.told().count(("model", "swapped"))
        self.changeover.install(self.store.add(file.read_bytes()), WHO)
        wait_until(lambda: self.told().count(("model", "swapped")) > before, f"{file.name} is swapped in", self.told)
        return self.changeover.in_force.now

    def inspect(self, image: Image, setup: Setup | None = None) -> None:
        """A part that was announced for `setup`; None: for what is in force."""
        in_force = self.changeover.in_force
        in_force.of(Trigger(1, 1, 1, 0, 0, 0, 0, setup=setup or in_force.now.setup)).model.segment(image)

    def wait_for(self, kind: str, what: str) -> None:
        wait_until(lambda: (kind, what) in self.told(), f"{kind} {what}", self.told)


@pytest.fixture
def station(tmp_path: Path) -> OneAtATime:
    made = OneAtATime(tmp_path)
    made.state_dir.mkdir()
    return made


def on_trial(station: OneAtATime) -> Installed:
    """The other model, on disk, for the next start."""
    own, other = sha256_of(station.own), station.store.add(station.other.read_bytes())
    installed = Installed(model=other, previous=own, configured=own, on_trial=True, running=False)
    station.store.write(installed)
    return installed


def test_only_a_process_that_inspects_by_a_model_on_trial_can_die_of_it(station: OneAtATime) -> None:
    still = on_trial(station)
    bench = Bench(station, station.store)
    assert station.store.read() == still, "it is open; keys and camera may be wrong yet"
    bench.changeover.parts_come()
    assert station.store.read() == still.model_copy(update={"running": True})
    bench.changeover.close()
    bench.changeover.ended(None, None, None)
    assert station.store.read() == still, "in good order"
    good = station.recipe.read_text()
    station.recipe.write_text("name = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        Bench(station, station.store)
    assert station.store.read() == still, "an error in another file"
    station.recipe.write_text(good)
    bench = Bench(station, station.store)
    bench.changeover.parts_come()
    bench.changeover.close()
    bench.changeover.ended(ValueError, ValueError(), None)
    assert station.store.read() == still.model_copy(update={"running": True}), "it has died"


def test_recipes_do_not_wait_for_a_model_that_is_tried_out(station: OneAtATime) -> None:
    bench = Bench(station, station.store)
    bench.changeover.install(station.store.add(station.other.read_bytes()), WHO)
    station.recipe.write_text(recipe_text("magnetic_tile", 1, "ignore"))
    bench.changeover.reload()
    bench.wait_for("model", "swapped")
    assert bench.told() == [("model", "trying"), ("recipe", "reloaded"), ("model", "swapped")]
    now, fallback = bench.changeover.in_force.standing()
    assert fallback
    for inspector in (now, fallback):
        assert bench.events[1].detail.startswith(f"1 'magnetic_tile' {inspector.jobs[1].recipe.sha256[:12]}")
    bench.changeover.close()


def test_a_model_that_opens_while_the_station_ends_is_not_swapped_in(station: OneAtATime) -> None:
    store = WaitsWhenOpen(station.state_dir, station.own)
    sha256 = store.add(station.other.read_bytes())
    bench = Bench(station, store)
    bench.changeover.install(sha256, WHO)
    assert store.is_open.wait(PATIENCE_S)
    bench.changeover.close(0)
    store.go_on.set()
    bench.wait_for("model", "refused")
    assert "the station ends" in bench.events[-1].detail
    assert store.read() is None


def test_a_model_that_fails_when_another_one_has_come_is_told_of_and_does_not_take_it_along(
    station: OneAtATime, tmp_path: Path
) -> None:
    bench = Bench(station, station.store)
    failing = bench.swap(write_invalid(tmp_path / "failing.onnx"))
    bench.waiting = {failing.setup}
    other = bench.swap(station.other)
    with pytest.raises(NoDecision):
        bench.inspect(TILE, failing.setup)
    bench.wait_for("model", "rolled_back")
    assert bench.events[-1].detail.startswith(f"{failing.setup.model_sha256} → {other.setup.model_sha256}: ")
    assert bench.raised.take() == Alarm.MODEL
    with pytest.raises(NoDecision, match="withdrawn"):
        bench.inspect(TILE, failing.setup)
    bench.changeover.close()
    bench.changeover.ended(None, None, None)
    installed = station.store.read()
    assert installed
    assert (installed.model, installed.previous) == (sha256_of(station.other), sha256_of(station.own))
    assert installed.on_trial


def test_a_model_is_measured_by_the_newest_frame_though_the_one_in_use_has_seen_none(
    station: OneAtATime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.config.write_text(station.config.read_text().replace("[model]", "[model]\ntiling = {}"))
    shapes: list[tuple[int, ...] | None] = []

    def heard(path: Path, model: ModelConfig, shape: tuple[int, ...] | None, *others: Any) -> float:
        shapes.append(shape)
        return try_out(path, model, shape, *others)

    monkeypatch.setattr(changeover, "try_out", heard)
    bench = Bench(station, station.store)
    bench.inspect(np.full((96, 96), 128, np.uint8))
    bench.swap(station.other)
    bench.swap(write_passing(tmp_path / "third.onnx", mark=2))
    assert shapes == [(96, 96)] * 2
    bench.changeover.close()


def test_a_record_that_somebody_has_broken_does_not_end_the_station(station: OneAtATime) -> None:
    on_trial(station)
    bench = Bench(station, station.store)
    bench.changeover.parts_come()
    (station.state_dir / "model.json").write_text("{")
    for _ in range(TRIAL_PARTS):
        bench.inspect(TILE)
    bench.wait_for("model", "kept")
    bench.changeover.reload()
    bench.wait_for("recipe", "unchanged")
    bench.changeover.close()
    bench.changeover.ended(None, None, None)


def test_an_exception_without_a_word_fails_the_trial_and_no_more() -> None:
    class NoMemory:
        def segment(self, image: object) -> Segmentation:
            raise MemoryError

    said: list[str] = []
    with pytest.raises(NoDecision, match="inference failed: MemoryError"):
        OnTrial(cast(Any, NoMemory()), 100, lambda _, why: said.append(why)).segment(TILE)
    assert said == ["inference failed: MemoryError"]
