"""The folder with a station's keys: what keeps the station from starting."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pytest

from agent.errors import ConfigError
from agent.results.clients import Clients
from agent.results.endpoints import Endpoints
from tests.results.key_ring import KeyRing


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda ring: (ring.folder / "station.key_secret").chmod(0o644), r"station\.key_secret: others may read"),
        (lambda ring: (ring.folder / "station.key_secret").unlink(), r"station\.key_secret: no such file"),
        (
            lambda ring: ring.clients.rename(ring.folder / "elsewhere"),
            r"publisher\.client_keys: .*/clients: no such file",
        ),
        (lambda ring: [rmtree(ring.clients / "operators"), (ring.clients / "operators").touch()], "not a directory"),
        (lambda ring: ring.clients.chmod(0o777), "everybody may add a key here: chmod o-w"),
        (lambda ring: (ring.clients / "operators").chmod(0o777), "everybody may add a key here: chmod o-w"),
        (lambda ring: (ring.clients / "hmi.key").write_text("no key"), r"hmi\.key: no key file"),
        (lambda ring: os.mkfifo(ring.clients / "hmi.key"), r"hmi\.key: no plain file: remove it"),
    ],
)
def test_a_station_with_bad_keys_does_not_start(
    tmp_path: Path, spoil: Callable[[KeyRing], object], complaint: str
) -> None:
    ring = KeyRing(tmp_path)
    spoil(ring)
    with pytest.raises(ConfigError, match=complaint) as caught:
        Endpoints(ring.config())
    assert "\n" not in str(caught.value)


def test_a_station_may_start_before_it_knows_anybody(tmp_path: Path) -> None:
    assert len(Clients(tmp_path)) == 0


def test_a_folder_that_a_group_may_write_into_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "operators").mkdir(0o755)
    (tmp_path / "operators").chmod(0o775)
    Clients(tmp_path)
    assert "operators: whoever is of its group may add keys here" in caplog.text


def test_a_pipe_among_the_keys_holds_nobody_up(tmp_path: Path) -> None:
    clients = Clients(tmp_path)
    os.mkfifo(tmp_path / "hmi.key")
    assert "hmi.key: no plain file" in str(clients.follow())
    assert not clients.follow(), "told once"
