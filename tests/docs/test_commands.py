"""Every command of README and docs is run as it stands, with PLC, camera and station where the pages say they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import cv2
import pytest

from tests.cameras.target_photo import KnownCamera, checkerboard
from tests.conftest import ROOT
from tests.docs import how
from tests.docs.pages import commands, examples
from tests.docs.world import World, why_not

PLC = "linegate plc sim --host 192.168.10.20 --port 502 --rate 4 --parts 0 --camera tcp://127.0.0.1:5591"
CAMERA = "linegate camera sim --address 192.168.30.10 --line tcp://127.0.0.1:5591"
STATION = "until linegate run config/line.toml; do sleep 0.25; done"
"""As systemd runs it: a computer that holds it up for two seconds ends it, and it is back."""
OTHERS = "linegate plc sim", "linegate camera sim"
AGAIN_S = 5
CLIENT = "linegate plc sim --role client"
Place = Callable[[World], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if why := why_not():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("world")
    cv2.imwrite(str(folder / "target.png"), KnownCamera().photo(checkerboard(11, 8, 10)))
    with World(folder) as world:
        world.start(PLC, how.promise(PLC))
        world.start(CAMERA, how.promise(CAMERA))
        yield world


@contextmanager
def running(world: World, *lines: str) -> Iterator[None]:
    """One after the other, each until it says what it promises; stopped in reverse."""
    with ExitStack() as started:
        for line in lines:
            started.callback(world.stop, line)
            world.start(line, how.promise(line))
        yield


@contextmanager
def station(world: World) -> Iterator[None]:
    """The shipped station's file with a second recipe, on a line that has run for some parts, whose images are kept."""
    recipe = "sed 's/^name = .*/name = \"second\"/; s/^job = .*/job = 2/' config/recipes/magnetic_tile.toml"
    changes = r"1i other_recipes = [\"recipes/second.toml\"]", r"s/^# \(uncertain_margin\) = [0-9.]*/\1 = 1/"
    edits = " ".join(f"-e '{change}'" for change in changes)
    world.run(f"{recipe} >config/recipes/second.toml; sed -i {edits} config/line.toml")
    with running(world, STATION):
        world.until("linegate watch --since 0", "part 12")
        yield


def software(world: World) -> AbstractContextManager[None]:
    """A station without a PLC that takes a photo when it is told to."""
    world.run('sed \'/^period_ms/d; s/mode = "timer"/mode = "software"/\' config/timer.toml >config/software.toml')
    return running(world, "linegate run config/software.toml")


def keys(world: World) -> AbstractContextManager[None]:
    """The station of docs/results.md, with the keys that are made there."""
    for command in of("key files"):
        wrong = outcome(world, command)
        assert not wrong, wrong
    tables = '[publisher]\\nstation_key = "../keys/cam1.key_secret"\\nclient_keys = "../keys/clients"'
    world.run(f"printf '{tables}\\n' | cat config/timer.toml - >config/keys.toml")
    return running(world, "linegate run config/keys.toml")


@contextmanager
def machine(world: World) -> Iterator[None]:
    """PLC and camera alone; the belt goes on once a station was there."""
    if world.run("test -e /var/lib/linegate/line1/journal.sqlite").returncode:
        with station(world):
            pass
    yield


PLACES: dict[str, Place] = {
    "station": station,
    "machine": machine,
    "software": software,
    "keys": keys,
    "demo": lambda world: running(world, *OTHERS),
    "server": lambda world: running(world, CLIENT),
}


@pytest.mark.parametrize("place", list(PLACES))
def test_every_command_does_what_its_page_says(world: World, place: str) -> None:
    with PLACES[place](world):
        wrong = [said for command in of(place) for said in outcome(world, command)]
    assert not wrong, "\n".join(wrong)


def of(place: str) -> list[str]:
    """Its commands, in the order of the pages; then the examples in Python, which want a station."""
    typed = [command for command in commands() if how.place(command) == place]
    return typed + [f"python <<'END'\n{body}END" for body in examples("python").values() if place == "station"]


def test_what_a_command_writes_stays_in_its_place(world: World) -> None:
    assert world.run(f"touch written && test -e {ROOT}/written").returncode == 0
    assert not (ROOT / "written").exists()


def outcome(world: World, command: str) -> list[str]:
    """What is wrong with it; nothing else. Once more after a moment: the station may have been starting again."""
    wrong = attempt(world, command)
    if wrong:
        time.sleep(AGAIN_S)
        wrong = attempt(world, command)
    return wrong


def attempt(world: World, command: str) -> list[str]:
    if first := how.before(command):
        world.run(first)
    line = how.shortened(command)
    if promised := how.promise(command):
        try:
            world.until(line, promised)
        except AssertionError as failure:
            return [str(failure)]
        return []
    done = world.run(line)
    return [f"$ {command}\nended with {done.returncode}:\n{done.stdout}"] if done.returncode else []
