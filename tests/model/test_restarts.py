"""Which model a start uses: the installed one; the one before, where a process died in the trial; the config's, where
that names another file. And recipes that are read again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.ending import LIMIT_S
from agent.errors import ConfigError, Fault
from agent.messages import ResultMessage
from agent.model.choice import Choice, choose_model, opening_is_over
from agent.model.store import YOUNG_S, Installed, ModelStore
from agent.records import BEFORE_ROWS_S
from agent.subscriber.control_client import give_command
from tests.cameras.standalone_station import START_S, StandaloneStation
from tests.conftest import ROOT
from tests.faults.test_model_swap import recipe_text, sha256_of
from tests.model.model_line import WHO
from tests.model.odd_models import write_passing, write_rejecting, write_slow
from tests.systemd import told_to_systemd

OPENS_MS = 2000
"""A slow model's self-test; the end of the station does not wait for it."""
RECIPE = ROOT / "config" / "recipes" / "magnetic_tile.toml"


class OneAtATime(StandaloneStation):
    """It inspects a part when it is asked to; its recipe is a copy of its own."""

    def __init__(self, path: Path) -> None:
        self.state_dir, self.own, self.other = path / "state", path / "own.onnx", path / "other.onnx"
        write_passing(self.own)
        write_rejecting(self.other)
        super().__init__(path, ROOT / "config" / "sample_tiles", self.own, {"mode": "software", "deadline_ms": 20_000})
        self.recipe = path / "recipe.toml"
        shutil.copy(RECIPE, self.recipe)
        self.config.write_text(self.config.read_text().replace(str(RECIPE), str(self.recipe)))
        self.store = ModelStore(self.state_dir, self.own)

    def inspected(self) -> ResultMessage:
        """One part; a start's gap row may come in between."""
        seen = len(self.inspections())
        give_command(self.endpoints["control"], "trigger", WHO)
        self.wait(lambda: len(self.inspections()) > seen)
        return self.inspections()[-1]

    def inspections(self) -> list[ResultMessage]:
        return [message for message in self.messages if message.kind == "inspection"]

    def swap(self) -> None:
        """The other model is in force, on trial."""
        sha256 = self.store.add(self.other.read_bytes())
        give_command(self.endpoints["control"], "model", WHO, sha256)
        self.wait(lambda: "model swapped" in self.said())

    @contextmanager
    def without_photos(self) -> Iterator[None]:
        """The camera's folder is none that it has."""
        before = self.config.read_text()
        self.config.write_text(before.replace("sample_tiles", "no_tiles"))
        yield
        self.config.write_text(before)

    def ends(self) -> int:
        """Started, it ends by itself: its exit code."""
        command = [sys.executable, "-m", "agent", "run", str(self.config)]
        return subprocess.run(command, cwd=ROOT, check=False, timeout=START_S).returncode

    def children(self) -> int:
        """Its processes: one, while a model is tried out."""
        assert self._process
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(len((task / "children").read_text().split()) for task in tasks)

    def reload(self, said: str) -> None:
        """SIGHUP, until it has said what came of it."""
        assert self._process
        before = self.said().count(said)
        self._process.send_signal(signal.SIGHUP)
        self.wait(lambda: self.said().count(said) > before)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[OneAtATime]:
    made = OneAtATime(tmp_path)
    yield made
    made.close()


def test_a_trial_outlives_a_stop_but_not_a_death(station: OneAtATime) -> None:
    own, other = sha256_of(station.own), sha256_of(station.other)
    station.start()
    assert (station.inspected().verdict, station.inspected().model_sha256) == ("pass", own)
    station.swap()
    assert station.inspected().verdict == "reject"
    assert station.stop() == 0
    with station.without_photos():
        assert station.ends() == 78
    station.start()
    seen = station.inspected()
    assert (seen.verdict, seen.model_sha256) == ("reject", other), "neither stop nor vain start is a failure of its own"
    station.kill()
    station.start()
    assert "model rolled back" in station.said()
    assert "the process ended while the new one was on trial" in station.said()
    seen = station.inspected()
    assert (seen.verdict, seen.model_sha256) == ("pass", own)


@pytest.mark.faults
def test_a_model_that_is_being_opened_takes_no_time_from_link_and_rows_at_the_end(station: OneAtATime) -> None:
    write_slow(station.other, OPENS_MS, always=True)
    station.config.write_text(station.config.read_text().replace("min_pitch_ms = 50", "min_pitch_ms = 20000"))
    station.start()
    station.inspected()
    give_command(station.endpoints["control"], "model", WHO, station.store.add(station.other.read_bytes()))
    station.wait(lambda: station.children() > 0)
    station.wait(lambda: station.children() == 0)
    begun_s = time.monotonic()
    assert station.stop() == 0
    assert time.monotonic() - begun_s < LIMIT_S
    assert f"thread 'changeover' has not ended within {BEFORE_ROWS_S} s" in station.said()
    assert [row["verdict"] for row in station.rows()] == ["pass"]
    assert station.store.read() is None


def test_recipes_are_read_again_and_a_bad_one_changes_nothing(station: OneAtATime, tmp_path: Path) -> None:
    station.own.write_bytes(station.other.read_bytes())  # every part is a defect to it
    with told_to_systemd(tmp_path / "notify") as told:
        station.start()
        assert station.inspected().verdict == "reject"
        station.reload("recipe unchanged")
        station.recipe.write_text(recipe_text("magnetic_tile", 1, "ignore"))
        station.reload("recipe reloaded")
        seen = station.inspected()
        assert (seen.verdict, seen.recipe) == ("pass", "magnetic_tile")
        for text, why in (
            ("name = ", "not valid TOML"),
            (recipe_text("magnetic_tile", 1, "ignore").replace("[classes.fray]", "[classes.frayed]"), "fray"),
            (recipe_text("magnetic_tile", 2, "ignore"), "have the job numbers 2, no more 1"),
        ):
            station.recipe.write_text(text)
            station.reload("recipe refused")
            (*_, line) = [line for line in station.said().splitlines() if "recipe refused" in line]
            assert why in line
            assert "the recipes stay as they were" in line
        assert station.inspected().recipe_sha256 == seen.recipe_sha256
        assert station.stop() == 0
    reloading = [number for number, text in enumerate(told) if "RELOADING=1\nMONOTONIC_USEC=" in text]
    assert len(reloading) == 5
    for number in reloading:
        assert any("READY=1" in text for text in told[number:]), "systemd waits for this"


# --- the choice alone ------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Three files, two of them installed; the config names the first."""
    for name in ("own", "first", "second"):
        (tmp_path / name).write_text(name)
    made = ModelStore(tmp_path, tmp_path / "own")
    for name in ("first", "second"):
        made.add((tmp_path / name).read_bytes())
    return made


def installed(folder: Path, *, on_trial: bool = False, running: bool = False) -> Installed:
    own, first, second = (sha256_of(folder / name) for name in ("own", "first", "second"))
    return Installed(model=second, previous=first, configured=own, on_trial=on_trial, running=running)


def test_what_was_installed_is_used_until_the_config_names_another_file(store: ModelStore, tmp_path: Path) -> None:
    assert choose_model(store, tmp_path / "own") == Choice(tmp_path / "own")
    store.write(installed(tmp_path))
    assert choose_model(store, tmp_path / "own") == Choice(store.stored(sha256_of(tmp_path / "second")))
    (tmp_path / "own").write_text("another")
    choice = choose_model(store, tmp_path / "own")
    assert choice.path == tmp_path / "own"
    assert "which has another file than when" in choice.told[0].detail
    assert store.read() is None, "from now on it decides"


def test_a_trial_goes_on_or_back(store: ModelStore, tmp_path: Path) -> None:
    first, second = (store.stored(sha256_of(tmp_path / name)) for name in ("first", "second"))
    store.write(installed(tmp_path, on_trial=True, running=True))
    choice = choose_model(store, tmp_path / "own")
    assert (choice.path, choice.rolled_back) == (first, True), "the process that inspected by it has died"
    assert choose_model(store, tmp_path / "own") == Choice(first)
    assert store.read() == installed(tmp_path).model_copy(update={"model": sha256_of(tmp_path / "first")})

    store.write(installed(tmp_path, on_trial=True))
    for _ in range(3):
        assert choose_model(store, tmp_path / "own") == Choice(second, first)
        opening_is_over(store)
    assert choose_model(store, tmp_path / "own") == Choice(second, first)
    assert choose_model(store, tmp_path / "own") == Choice(second, first), "it may have been stopped in opening it"
    assert choose_model(store, tmp_path / "own").path == first, "twice in a row it was not"


@pytest.mark.parametrize(
    ("text", "why"), [("changed", "it has been changed since it was installed"), (None, "no such")]
)
def test_an_installed_model_that_is_not_what_it_was_keeps_the_station_down(
    store: ModelStore, tmp_path: Path, text: str | None, why: str
) -> None:
    store.write(installed(tmp_path))
    path = store.stored(sha256_of(tmp_path / "second"))
    path.write_text(text) if text else path.unlink()
    with pytest.raises(ConfigError, match=f"{why}.*put it back, or remove .*model.json"):
        choose_model(store, tmp_path / "own")


def test_a_record_that_makes_no_sense_keeps_the_station_down(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"model": "../../etc/passwd"}')
    with pytest.raises(ConfigError, match=r"model.json: .*remove it, then \[model\] path decides again"):
        choose_model(store, tmp_path / "own")


def test_files_that_nobody_needs_are_cleared_away_and_no_others(store: ModelStore, tmp_path: Path) -> None:
    (store.folder / "notes.onnx").write_text("somebody's")
    first, second, new = sha256_of(tmp_path / "first"), sha256_of(tmp_path / "second"), store.add(b"just offered")
    for sha256 in (first, second):
        os.utime(store.stored(sha256), times=(0, time.time() - YOUNG_S - 1))
    store.clear([second])
    assert {path.name for path in store.folder.iterdir()} == {"notes.onnx", f"{second}.onnx", f"{new}.onnx"}


def test_a_folder_that_cannot_be_read_is_a_fault_of_the_one_command(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / ("x" * 300), tmp_path / "own")
    with pytest.raises(Fault, match="file name too long: see that the station may read its state_dir"):
        store.has("0" * 64)
