"""Key files: made so that nobody else can read them, read by other programs, refused when something is wrong."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq.auth

from agent.errors import ConfigError, UsageError
from agent.keys import load_client_keys, load_pair, load_public, write_new_keys
from tests.conftest import Linegate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the keys of cam1 and cam2."""
    write_new_keys("cam1", tmp_path)
    write_new_keys("cam2", tmp_path)
    return tmp_path


@pytest.fixture
def generous() -> Iterator[None]:
    """A user whose files everybody may read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("generous")
def test_nobody_else_can_read_a_secret_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is made closed: nobody closes it afterwards."""
    monkeypatch.delattr("os.chmod")
    monkeypatch.delattr("os.fchmod")
    public, secret = write_new_keys("cam1", tmp_path / "keys")
    assert [path.stat().st_mode & 0o777 for path in (public, secret, secret.parent)] == [0o644, 0o600, 0o700]


def test_other_programs_read_them(tmp_path: Path) -> None:
    """pyzmq's own reader; the format is that of CZMQ's zcert, https://rfc.zeromq.org/spec/4."""
    public, secret = write_new_keys("cam1", tmp_path)
    key, nothing = zmq.auth.load_certificate(public)
    assert nothing is None
    assert zmq.auth.load_certificate(secret) == (key, load_pair(secret).secret)
    assert zmq.curve_public(load_pair(secret).secret) == key == load_public(public)
    assert load_pair(secret).secret not in public.read_bytes()


@pytest.mark.parametrize("there", ["cam1.key", "cam1.key_secret"])
def test_nothing_is_overwritten_and_no_half_pair_is_left(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(UsageError, match=f"{there} is there already"):
        write_new_keys("cam1", tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_a_full_disk_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(UsageError, match="file too large"):
            write_new_keys("cam1", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
    write_new_keys("cam1", tmp_path)


@pytest.mark.parametrize("name", ["", "../cam1", "a/b", "cam 1", "cam1\n", ".", "café"])
def test_a_name_is_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a key"):
        write_new_keys(name, tmp_path)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda secret: secret.unlink(), "no such file"),
        (lambda secret: (secret.unlink(), secret.mkdir()), "is a directory"),
        (lambda secret: secret.write_bytes(b""), "no key file"),
        (lambda secret: secret.write_bytes(b"\xff\x00" * 500), "no key file"),
        (lambda secret: secret.write_text("public-key"), "no key file"),
        (lambda secret: secret.write_text(secret.read_text()[:-10]), "damaged"),
        (lambda secret: secret.write_text(secret.read_text().replace('secret-key = "', 'secret-key = "~')), "damaged"),
        (lambda secret: secret.write_text(secret.with_suffix(".key").read_text()), "holds no secret key"),
        (lambda secret: secret.write_text(mixed(secret)), "does not belong to its secret key"),
        (lambda secret: secret.chmod(0o640), "others may read this secret key: chmod 600"),
        (lambda secret: secret.chmod(0o604), "others may read this secret key: chmod 600"),
    ],
)
def test_a_bad_secret_file_is_one_line_with_its_path(
    folder: Path, spoil: Callable[[Path], object], complaint: str
) -> None:
    secret = folder / "cam1.key_secret"
    spoil(secret)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_pair(secret)
    assert str(secret) in str(caught.value)
    assert "\n" not in str(caught.value)


def mixed(secret: Path) -> str:
    """cam1's secret key with the public one of cam2."""
    return secret.read_text().replace(load_public(secret).decode(), load_public(secret.with_name("cam2.key")).decode())


def test_a_credential_of_systemd_is_closed_although_its_mode_shows_a_group(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cam1.key_secret").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert load_pair(folder / "cam1.key_secret").public == load_public(folder / "cam1.key")


def test_a_secret_is_not_shown_by_chance(folder: Path) -> None:
    keys = load_client_keys(folder / "cam1.key", folder / "cam2.key_secret")
    assert keys is not None
    assert keys.own.secret.decode() not in f"{keys} {keys!r}"


def test_a_client_gives_both_keys_or_none(folder: Path) -> None:
    assert load_client_keys(None, None) is None
    for station, own in [(folder / "cam1.key", None), (None, folder / "cam2.key_secret")]:
        with pytest.raises(UsageError, match="go together"):
            load_client_keys(station, own)


def test_the_command_says_what_to_do_next_and_does_not_overwrite(tmp_path: Path, linegate: Linegate) -> None:
    made = linegate("keys", "new", "hmi", "--out", tmp_path / "keys")
    assert made.returncode == 0, made.stderr
    for word in ("hmi.key_secret", "hmi.key", "station_key", "client_keys/operators", "linegate watch --station-key"):
        assert word in made.stdout
    again = linegate("keys", "new", "hmi", "--out", tmp_path / "keys")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
