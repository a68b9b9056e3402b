"""Who may read and write what: too little and the station does not start, too much and others change what it does."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from agent.accounts import group_name, user_name
from agent.camera_config import OpencvCamera
from agent.check.confinement import kept_away
from agent.config import Config
from agent.doctor.looking import NotKnown, looked
from agent.doctor.real_time import check_real_time
from agent.doctor.service import service_user
from agent.doctor.subject import Subject
from agent.errors import ConfigError
from agent.finding import Finding, doubtful, right, unknown, wrong
from agent.model.store import ModelStore
from agent.mounts import nearest
from agent.results.clients import load_access
from agent.video_source import is_device

OTHERS_READ, OTHERS_WRITE = stat.S_IROTH, stat.S_IWOTH


def examine_permissions(subject: Subject) -> Iterator[Finding]:
    """As this user sees it; for root everything is allowed, and that is said."""
    config = subject.config
    yield looked("user", lambda: _check_user(subject))
    yield looked("state folder", lambda: check_state_dir(config.station.state_dir))
    yield looked("files", lambda: check_files(_files(subject.path, config)))
    yield check_keys(config)
    for device in _devices(config):
        yield looked(f"device {device}", partial(check_device, device))
    for key, seen, remedy in kept_away(config, set(Config.model_fields), subject.path):
        yield doubtful(key, seen, remedy)
    yield looked("real time", partial(check_real_time, subject))


def _check_user(subject: Subject) -> Finding:
    me, groups = user_name(os.geteuid()), sorted({group_name(number) for number in (*os.getgroups(), os.getegid())})
    text = f"{me} (groups {', '.join(groups)})"
    try:
        its = service_user(subject)
    except NotKnown:
        return right("user", f"{text}; no service says as whom the station runs")
    if me != its:
        remedy = f"run it once more as the station's user: runuser -u {its} -- linegate doctor {subject.path}"
        remedy += "" if os.geteuid() else "; root is refused nothing"
        return unknown("user", f"{text}, the service runs as {its}: what that one may open is not seen", remedy)
    return right("user", f"{text}, as the service")


def check_state_dir(state_dir: Path) -> Finding:
    """Writable for the station, for nobody else."""
    folder = nearest(state_dir)
    if not folder.is_dir():
        return wrong("state folder", f"{folder} is no folder", "name one that the station can make and write to")
    found, text = folder.stat(), f"{folder}: {_told(folder)}"
    if folder != state_dir:
        text = f"{state_dir} is not there yet, {text}"
    elif found.st_mode & OTHERS_WRITE:
        return wrong("state folder", text, f"everybody may change journal and epoch: chmod o-w {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return wrong("state folder", f"{text}, not writable for {user_name(os.geteuid())}",
                     "make it the station's user's: chown, or run this as that user")  # fmt: skip
    if state_dir.is_dir() and found.st_mode & OTHERS_READ:
        return doubtful("state folder", text, f"every user of this computer reads the records: chmod o-rx {folder}")
    return right("state folder", text)


def _files(path: Path, config: Config) -> list[Path]:
    """What decides what passes. An installed model that cannot be told of: the group `model` says why."""
    files = [path, config.recipe, *config.other_recipes, config.model.path]
    with suppress(ConfigError):
        files.append(ModelStore(config.station.state_dir, config.model.path).in_use())
    return list(dict.fromkeys(files))


def check_files(paths: list[Path]) -> Finding:
    """Who can write them decides what passes."""
    closed = [path for path in paths if path.exists() and not os.access(path, os.R_OK)]
    if closed:
        return wrong("files", f"not readable: {', '.join(map(str, closed))}", "the station's user has to read them")
    open_ = [path for path in paths if path.exists() and path.stat().st_mode & OTHERS_WRITE]
    open_ += [path.parent for path in paths if path.parent.is_dir() and _anybody_replaces(path.parent)]
    if open_:
        named = ", ".join(dict.fromkeys(map(str, open_)))
        return wrong("files", f"everybody may write {named}", f"and so decide what passes: chmod o-w {open_[0]}")
    return right("files", f"config, recipes and model can be read, and not written by everybody (n = {len(paths)})")


def _anybody_replaces(folder: Path) -> bool:
    """In a sticky folder, as /tmp, only the owner of a file may."""
    mode = folder.stat().st_mode
    return bool(mode & OTHERS_WRITE) and not mode & stat.S_ISVTX


def check_keys(config: Config) -> Finding:
    """As the station loads them."""
    try:
        access = load_access(config.publisher)
    except ConfigError as error:
        return wrong("keys", str(error), "the station stays down until that is mended")
    if access is None:
        return right("keys", "none by the station's file")
    return right("keys", f"the secret one is readable by its user alone; {len(access[1])} clients have one")


def _devices(config: Config) -> Iterator[Path]:
    if isinstance(config.camera, OpencvCamera) and is_device(config.camera.source):
        yield Path(config.camera.source)
    if config.has_plc and config.plc.serial:
        yield Path(config.plc.serial.device)
    if config.model.provider == "cuda":
        yield from sorted(Path("/dev").glob("nvidia[0-9]*"))
        yield from (path for path in (Path("/dev/nvidiactl"), Path("/dev/nvidia-uvm")) if path.exists())


def check_device(device: Path) -> Finding:
    """May this user open it?"""
    name = f"device {device}"
    if not device.exists():
        return wrong(name, "not there", "plug it in; a name that stays the same: /dev/v4l/by-id, /dev/serial/by-id")
    text = _told(device)
    if not os.access(device, os.R_OK | os.W_OK):
        me, group = user_name(os.geteuid()), group_name(device.stat().st_gid)
        return wrong(name, f"{text}, not for {me}", f"usermod -aG {group} {me}, and log in again")
    return right(name, text)


def _told(path: Path) -> str:
    found = path.stat()
    return f"{stat.filemode(found.st_mode)} {user_name(found.st_uid)}:{group_name(found.st_gid)}"
