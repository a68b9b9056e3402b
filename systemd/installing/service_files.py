"""Unit, drop-ins and udev rule: those of one version, where systemd and udev look for them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from installing.changes import Changes, run_all
from installing.places import DEFAULT_PREFIX, RULE, UNIT, UNITS, Program
from installing.refused import BAD_ARGUMENTS, Refused

NUMBER = "10-"
"""Before override.conf, which `systemctl edit` writes and which has the last word."""


def parse_with(asked: list[str], there: Path) -> list[Path]:
    """gpu or line1:gpu, by commas: the files to write, below UNITS. Raises Refused."""
    known = sorted(path.stem for path in there.glob("*.conf"))
    files = []
    for item in (item for group in asked for item in group.split(",")):
        station, _, name = item.rpartition(":")
        if name not in known:
            raise Refused(f"--with {item}: there is no drop-in '{name}': {', '.join(known)}", BAD_ARGUMENTS)
        if not re.fullmatch(r"[A-Za-z0-9_-]*", station):
            raise Refused(f"--with {item}: '{station}' is no station: as in --with line1:{name}", BAD_ARGUMENTS)
        files.append(UNITS / f"linegate@{station}.service.d" / f"{NUMBER}{name}.conf")
    return files


def installed_drop_ins() -> list[Path]:
    """Ours; an engineer's own are not."""
    return sorted(UNITS.glob(f"linegate@*.service.d/{NUMBER}*.conf"))


def write_service_files(program: Program, source: Path, drop_ins: list[Path], changes: Changes) -> bool:
    """Those that are enabled already, too. True: something of it has changed."""
    unit = (source / UNIT.name).read_text().replace(f"={DEFAULT_PREFIX}/", f"={program.prefix}/")
    changed = changes.write(UNIT, unit)
    for path in sorted({*drop_ins, *installed_drop_ins()}):
        drop_in = source / "drop-ins" / path.name.removeprefix(NUMBER)
        if drop_in.exists():
            changes.folder(path.parent)
            changed |= changes.write(path, drop_in.read_text())
        else:
            changed |= changes.remove(path)  # this version has no such drop-in
    rule = RULE.parent.is_dir() and changes.write(RULE, (source / RULE.name).read_text())  # else there is no udev
    if changed:
        reload_systemd(changes)
    if rule:
        reload_udev(changes)
    return changed


def remove_service_files(changes: Changes) -> None:
    """Ours. What an engineer has put beside them stays, and is told."""
    for path in installed_drop_ins():
        changes.remove(path)
        changes.remove_if_empty(path.parent)
    for path in sorted(UNITS.glob("linegate@*.service.d/*")):
        if path not in installed_drop_ins():
            print(f"kept {path}: it is yours")
    if changes.remove(RULE):
        reload_udev(changes)
    if changes.remove(UNIT):
        reload_systemd(changes)


def reload_systemd(changes: Changes) -> None:
    """Where it runs: in an image or a container it does not."""
    if Path("/run/systemd/system").is_dir():
        changes.run("reload systemd", "systemctl", "daemon-reload")


def reload_udev(changes: Changes) -> None:
    """Cameras that are plugged in already get the new group, too."""
    if Path("/run/udev/control").exists() and shutil.which("udevadm"):
        commands = [["udevadm", "control", "--reload"], ["udevadm", "trigger", "--subsystem-match=usb"]]
        changes.make("reload udev", lambda: run_all(commands))
