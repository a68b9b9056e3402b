"""Install or upgrade, roll back, uninstall: each may be killed at any moment and run again."""

from __future__ import annotations

import pwd
from pathlib import Path

from installing.changes import Changes
from installing.instances import restart, running, stop_all
from installing.places import CACHE, COMMAND, CONFIG, STATE, USER, Program
from installing.refused import Refused
from installing.service_files import installed_drop_ins, parse_with, remove_service_files, write_service_files
from installing.source import CHECKOUT, Source
from installing.user_namespaces import require_user_namespaces
from installing.version import (
    build,
    install_system_packages,
    is_complete,
    require_good_configs,
    shipped,
)

MODEL = "models/magnetic_tile.onnx"
RECIPE = "recipes/magnetic_tile.toml"


def install(program: Program, source: Source, drop_ins: list[str], changes: Changes) -> None:
    """This version, beside the one that runs; then the switch. Raises Refused: the old one runs as before."""
    sources = CHECKOUT / "systemd" / "drop-ins"
    wanted = parse_with(drop_ins, sources)
    require_user_namespaces([*wanted, *installed_drop_ins()], sources)
    install_system_packages(source, changes)
    _make_user(changes)
    build(program, source, changes)
    old, before = program.version(program.current), program.version(program.previous)
    ready = _ready()
    try:
        if old != source.version:
            require_good_configs(program, source.version, changes)
        _put_example(program, source, changes)
        _switch(program, source.version, wanted, ready, changes)
    except Refused as error:
        if old is None or old == source.version:
            raise
        gone_back = _go_back(program, old, before, ready, changes)
        raise Refused(f"{error}{gone_back}", error.exit_code) from error
    finally:
        links = (program.current, program.previous)
        kept = (
            {source.version, before if old == source.version else old}
            if changes.dry_run
            else {program.version(link) for link in links}
        )
        _remove_others(program, kept, changes)


def roll_back(program: Program, changes: Changes) -> None:
    """To the version before, and the next time forward again. Raises Refused."""
    previous = program.version(program.previous)
    if previous is None or not is_complete(program.folder(previous)):
        raise Refused("there is no previous version to go back to")
    require_good_configs(program, previous, changes)
    _switch(program, previous, [], _ready(), changes)


def uninstall(program: Program, purge: bool, changes: Changes) -> None:
    """Everything but config and state; `purge`: these as well."""
    stop_all(changes)
    for path in (program.command, program.current, program.previous, program.versions, program.uv, program.downloads):
        changes.remove(path)
    changes.remove_if_empty(program.command.parent)
    changes.remove_if_empty(program.prefix)
    if COMMAND.is_symlink() and COMMAND.readlink() == program.command:
        changes.remove(COMMAND)
    changes.remove(CACHE)
    remove_service_files(changes)
    if purge:
        changes.remove(CONFIG)
        changes.remove(STATE)
        if _exists(USER):
            changes.run(f"remove user {USER}", "userdel", USER)
    elif CONFIG.exists() or STATE.exists():
        print(f"kept {CONFIG} and {STATE}, and user {USER}, to whom they belong: `uninstall --purge` removes them")


def _ready() -> set[str]:
    """The stations that inspect now: they have to do so afterwards."""
    return {instance.unit for instance in running() if instance.ready}


def _switch(program: Program, version: str, drop_ins: list[Path], ready: set[str], changes: Changes) -> None:
    old = program.version(program.current)
    changed = write_service_files(program, _files(program, version) / "systemd", drop_ins, changes)
    if old is not None and old != version:
        changes.link(program.previous, f"versions/{old}")
    changes.link(program.current, f"versions/{version}")
    changes.folder(program.command.parent)
    changes.link(program.command, "../current/bin/linegate")
    if not COMMAND.exists():
        changes.link(COMMAND, str(program.command))
    for instance in running():
        if changed or changes.dry_run or not instance.runs(program):
            restart(instance.unit, instance.unit in ready, changes)


def _go_back(program: Program, old: str, before: str | None, ready: set[str], changes: Changes) -> str:
    """What was done about a version that does not become READY: nothing, if it was not switched to."""
    if program.version(program.current) == old:
        return ""
    try:
        _switch(program, old, [], ready, changes)
        said = f"\nrolled back: linegate {old} runs"
    except Refused as error:
        said = f"\nrolled back: linegate {old} is not READY either: {error}"
    if before is None:
        changes.remove(program.previous)
    else:
        changes.link(program.previous, f"versions/{before}")
    return said


def _make_user(changes: Changes) -> None:
    if not _exists(USER):
        options = ["--system", "--user-group", "--home-dir", str(STATE), "--no-create-home"]
        changes.run(f"add system user {USER}", "useradd", *options, "--shell", "/usr/sbin/nologin", USER)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _put_example(program: Program, source: Source, changes: Changes) -> None:
    """An example for line1.toml; recipe and model only where there are none: they are the engineer's from then on."""
    files = _files(program, source.version)
    changes.folder(CONFIG, 0o750, USER)
    changes.folder((CONFIG / RECIPE).parent, 0o750, USER)
    changes.folder(STATE)
    changes.folder((STATE / MODEL).parent)
    example = (files / "config" / "line.toml").read_text().replace(f'"../{MODEL}"', f'"{STATE / MODEL}"')
    changes.write(CONFIG / "line1.toml.example", example, 0o640, USER)
    if not (CONFIG / RECIPE).exists():
        changes.write(CONFIG / RECIPE, (files / "config" / RECIPE).read_text(), 0o640, USER)
    if not (STATE / MODEL).exists():
        changes.write(STATE / MODEL, (files / MODEL).read_bytes())


def _files(program: Program, version: str) -> Path:
    """What comes with that version beside its code; in a dry run it lies in the checkout still."""
    folder = program.folder(version)
    return shipped(folder) if is_complete(folder) else CHECKOUT


def _remove_others(program: Program, kept: set[str | None], changes: Changes) -> None:
    for folder in sorted(program.versions.iterdir()) if program.versions.is_dir() else []:
        if folder.name not in kept:
            changes.remove(folder)
