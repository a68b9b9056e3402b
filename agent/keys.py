"""CURVE key files, in ZeroMQ's certificate format: NAME.key is public, NAME.key_secret nobody else may read."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.auth import load_certificate
from zmq.utils import z85

from agent.errors import ConfigError, UsageError

NAME = re.compile(r"[A-Za-z0-9_-]+")
PUBLIC, SECRET = ".key", ".key_secret"
CREDENTIALS = "/run/credentials"
"""Of every service that runs, where systemd keeps them."""
FOR_OTHERS = 0o077
"""Permissions that a secret file must not give."""
MAKE = "make a pair with `linegate keys new`"


@dataclass(frozen=True)
class Pair:
    """Somebody's own keys, each 40 characters of Z85."""

    public: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class ClientKeys:
    """What a client knows the station by, and what it is known by itself."""

    station: bytes
    """The station's public key."""
    own: Pair


def load_client_keys(station_key: Path | None, own_key: Path | None) -> ClientKeys | None:
    """A client's keys from the station's NAME.key and its own NAME.key_secret; None when neither is given.

    Raises UsageError for one without the other, ConfigError for a file that cannot be used.
    """
    if station_key is None and own_key is None:
        return None
    if station_key is None or own_key is None:
        raise UsageError("--station-key and --key go together: the station's public key, and your own secret one")
    return ClientKeys(load_public(station_key), load_pair(own_key))


def secured(socket: zmq.Socket[bytes], keys: ClientKeys | None) -> None:
    """Have a client's socket speak to that station alone, encrypted; before it connects. None: no keys, as it is."""
    if keys is not None:
        socket.curve_serverkey = keys.station
        socket.curve_publickey, socket.curve_secretkey = keys.own.public, keys.own.secret


def load_public(path: Path) -> bytes:
    """The public key in a key file. Raises ConfigError."""
    return _load(path)[0]


def load_pair(path: Path) -> Pair:
    """Both keys of a NAME.key_secret. Raises ConfigError, also when others may read it."""
    public, secret = _load(path)
    if secret is None:
        raise ConfigError(f"{path}: holds no secret key: give NAME{SECRET}, not NAME{PUBLIC}")
    if path.stat().st_mode & FOR_OTHERS and not is_credential(path):
        raise ConfigError(f"{path}: others may read this secret key: chmod 600 {path}")
    if zmq.curve_public(secret) != public:
        raise ConfigError(f"{path}: its public key does not belong to its secret key: {MAKE}")
    return Pair(public, secret)


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        public, secret = load_certificate(path)
    except PermissionError as error:
        raise ConfigError(f"{path}: cannot be read: it has to belong to the user that runs this") from error
    except OSError as error:
        raise ConfigError(f"{path}: {_why(error)}: {MAKE}") from error
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{path}: no key file: {MAKE}") from error
    if not _is_key(public) or not (secret is None or _is_key(secret)):
        raise ConfigError(f"{path}: damaged: a key has 40 characters: copy the file again, or {MAKE}")
    return public, secret


def _is_key(text: bytes) -> bool:
    try:
        return len(text) == 40 and bytes(z85.encode(z85.decode(text))) == text
    except (KeyError, ValueError, UnicodeError):
        return False


def is_credential(path: Path) -> bool:
    """Handed to a service by systemd, for its user alone: by an access list, which shows as a group's permission."""
    folders = (os.environ.get("CREDENTIALS_DIRECTORY"), CREDENTIALS)
    return any(folder is not None and path.is_relative_to(folder) for folder in folders)


def _why(error: OSError) -> str:
    return (error.strerror or "no such file").lower()


# --- new ones --------------------------------------------------------------------------------------------------------


def write_new_keys(name: str, folder: Path) -> tuple[Path, Path]:
    """Make a pair; the paths of NAME.key and NAME.key_secret. `folder` is created for its owner alone.

    Raises UsageError for a name that is none, files that are there already and a folder that cannot be written.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"'{name}' is no name for a key: letters, digits, - and _ only")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder}: is no folder")
    public, secret = zmq.curve_keypair()
    public_path, secret_path = folder / (name + PUBLIC), folder / (name + SECRET)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(secret_path, 0o600, name, public, secret)
        try:
            _write(public_path, 0o644, name, public)
        except OSError:
            secret_path.unlink()
            raise
    except FileExistsError as error:
        raise UsageError(f"{error.filename} is there already: keys are not overwritten, choose another name") from error
    except OSError as error:
        raise UsageError(f"--out {folder}: {_why(error)}: choose a folder that can be written") from error
    return public_path, secret_path


def _write(path: Path, mode: int, name: str, public: bytes, secret: bytes | None = None) -> None:
    lines = [f"#   ZeroMQ CURVE {'**Secret**' if secret else 'public'} certificate, by linegate", ""]
    lines += ["metadata", f'    name = "{name}"', "curve", f'    public-key = "{public.decode()}"']
    lines += [f'    secret-key = "{secret.decode()}"'] if secret else []
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(made, "w") as file:
            file.write("\n".join([*lines, ""]))
    except OSError:
        path.unlink()  # an empty one would be in the way of the next try
        raise
