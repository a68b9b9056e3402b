"""A subscriber in another language, written from docs/results.md and the JSON Schemas alone, misses nothing either."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agent.benches.made_history import make_history
from agent.results_config import PublisherConfig
from tests.conftest import ROOT
from tests.faults.sizes import sized
from tests.results.key_ring import KeyRing
from tests.results.outlet import Outlet
from tests.results.records import inspect, rows_of
from tests.results.short_lives import short_lives
from tests.waiting import local_ports

EXAMPLES, SCHEMAS = ROOT / "docs" / "examples", ROOT / "config" / "schemas"
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")


@pytest.fixture(scope="module")
def packages() -> Path:
    """A folder with the example's packages installed in it, beside the virtual environment; kept for the next run."""
    pinned = (EXAMPLES / "package.json").read_bytes()
    folder = Path(sys.prefix) / f"node-{hashlib.sha256(pinned).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            (folder / "package.json").write_bytes(pinned)
            options = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
            npm = subprocess.run(["npm", "install", *options], cwd=folder, capture_output=True, text=True, check=False)
            if npm.returncode and any(code in npm.stderr for code in UNREACHABLE):
                pytest.skip(f"npm cannot be reached: {npm.stderr.splitlines()[0]}")
            assert npm.returncode == 0, npm.stderr
            (folder / "installed").touch()
    return folder


class NodeSubscriber:
    """The example as a process, its headers checked; what it has yielded, line by line."""

    def __init__(self, folder: Path, packages: Path, config: PublisherConfig, *keys: str) -> None:
        (folder / "node_modules").symlink_to(packages / "node_modules")
        for source in (EXAMPLES / "subscriber.mjs", Path(__file__).with_name("checked_subscriber.mjs")):
            shutil.copy(source, folder)
        command = ["node", "checked_subscriber.mjs", str(SCHEMAS), config.results, config.replay, *keys]
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.checked = ""
        """Schemas that were met so far."""

    def ids(self, count: int) -> list[int]:
        """The next so many message_ids."""
        assert self._process.stdout
        found = []
        for _ in range(count):
            line = self._process.stdout.readline()
            assert line, self._process.stderr.read() if self._process.stderr else ""
            message_id, self.checked = line.split()
            found.append(int(message_id))
        return found

    def close(self) -> str:
        """Kill it; what it has said on stderr."""
        self._process.kill()
        return self._process.communicate()[1]


@sized(("kills",), (2,), (50,))
def test_a_subscriber_in_javascript_misses_nothing_when_its_station_is_killed(
    tmp_path: Path, packages: Path, kills: int
) -> None:
    journal = tmp_path / "journal.sqlite"
    make_history(journal, 700)
    config = local_ports()
    with (
        closing(NodeSubscriber(tmp_path, packages, config)) as subscriber,
        short_lives("station", journal, config, kills) as station,
    ):
        assert station.stdout
        assert station.stdout.readline() == b"done\n"
        numbers = [row["message_id"] for row in rows_of(journal)]
        assert subscriber.ids(len(numbers)) == numbers
        assert "lost" not in subscriber.close()


def test_it_tells_what_is_lost_fetches_what_was_dropped_and_shows_its_keys(tmp_path: Path, packages: Path) -> None:
    ring = KeyRing(tmp_path / "ring")
    config = ring.config()
    outlet = Outlet(tmp_path / "journal.sqlite", config)
    inspect(outlet.journal, *range(1, 6))
    outlet.journal._writer._db.execute("DELETE FROM inspections WHERE message_id <= 2")
    keys = ring.keys("listener")
    curve = [key.decode() for key in (keys.station, keys.own.public, keys.own.secret)]
    with closing(NodeSubscriber(tmp_path, packages, config, *curve)) as subscriber:
        assert subscriber.ids(3) == [3, 4, 5]
        outlet.drop_every_second()
        inspect(outlet.journal, *range(6, 21))
        assert subscriber.ids(15) == list(range(6, 21))
        schemas = {"insp.status-1", "insp.replay-1", "insp.history-1", "insp.result-1"}
        assert set(subscriber.checked.split(",")) == schemas, "each was met, and checked"
        assert "warning: 1 to 2 are lost: history begins at 3\n" in subscriber.close()
    outlet.stop()


@pytest.fixture
def example(tmp_path: Path, packages: Path) -> Path:
    """The example beside its packages."""
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    return Path(shutil.copy(EXAMPLES / "subscriber.mjs", tmp_path))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--since", "abc"], "--since abc"),
        (["--sinse", "1"], "Unknown option '--sinse'"),
        (["--key", "me.key_secret"], "--station-key and --key go together"),
        (["--key", "none", "--station-key", "none"], "no such file"),
    ],
)
def test_bad_options_are_one_line(example: Path, arguments: list[str], complaint: str) -> None:
    done = subprocess.run(["node", str(example), *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert complaint in done.stderr


@pytest.mark.parametrize("who", ["stranger", ""])
def test_a_station_that_does_not_let_it_in_is_one_line(example: Path, tmp_path: Path, who: str) -> None:
    ring = KeyRing(tmp_path / "ring")
    config = ring.config()
    outlet = Outlet(tmp_path / "journal.sqlite", config)
    command = ["node", str(example), "--results", config.results, "--replay", config.replay]
    if who:
        command += ["--station-key", str(ring.folder / "station.key"), "--key", str(ring.folder / f"{who}.key_secret")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    outlet.stop()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert ("does not know this client's key" if who else "wants keys") in done.stderr


def test_a_reader_that_has_enough_ends_it_quietly(example: Path, tmp_path: Path) -> None:
    make_history(tmp_path / "journal.sqlite", 700)
    outlet = Outlet(tmp_path / "journal.sqlite", local_ports())
    command = ["node", str(example), "--results", outlet.endpoints.results, "--replay", outlet.endpoints.replay]
    process = subprocess.Popen([*command, "--since", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline().startswith(b"1 ")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(10) == 1
    outlet.stop()
