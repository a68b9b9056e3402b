"""The command line of `systemd/install`."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

from installing.changes import Changes
from installing.orders import install, roll_back, uninstall
from installing.places import DEFAULT_PREFIX, Program, find_program
from installing.refused import Refused
from installing.source import EXTRAS, find_source
from installing.version import extras_of

EXAMPLES = """examples:
  systemd/install --dry-run                       what it would do, and nothing else
  systemd/install --with line1:gpu,usb-camera     a GPU for line1, a USB camera for all
  systemd/install --extra aravis --wheels wheels  a GigE camera; a computer without network
  systemd/install rollback                        back to the version before
  systemd/install uninstall                       all but config and state
"""


def main() -> int:
    """Do what is asked; the exit code."""
    options = _parse()
    os.umask(0o022)
    try:
        if os.geteuid() != 0:
            raise Refused("only root may install: run it as root")
        lock = _alone()
        _obey(options, Changes(options.dry_run))
        os.close(lock)
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped: run it again to complete it", file=sys.stderr)
        return 130
    return 0


def _obey(options: argparse.Namespace, changes: Changes) -> None:
    program = find_program(options.prefix)
    match options.order:
        case "install":
            extras = tuple(sorted(options.extra)) or _extras_so_far(program)
            install(program, find_source(options.wheels, extras), options.drop_ins, changes)
        case "rollback":
            roll_back(program, changes)
        case "uninstall":
            uninstall(program, options.purge, changes)
    if not changes.any:
        print("nothing to do")


def _extras_so_far(program: Program) -> tuple[str, ...]:
    current = program.version(program.current)
    return extras_of(program.folder(current)) if current else ()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="systemd/install", description="Install Linegate as a service.",
                                     epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("order", nargs="?", choices=("install", "rollback", "uninstall"), default="install",
                        help="install (the default) is also the upgrade")  # fmt: skip
    parser.add_argument("--prefix", type=Path, help=f"where the program goes; default: {DEFAULT_PREFIX}")
    parser.add_argument("--dry-run", action="store_true", help="say what it would do, change nothing")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="what `make wheels` filled: no network is needed")
    parser.add_argument("--extra", action="append", choices=EXTRAS, default=[],
                        help="more libraries, several times if need be; an upgrade keeps them")  # fmt: skip
    parser.add_argument("--with", dest="drop_ins", action="append", metavar="DROP-IN,…", default=[],
                        help="gpu,usb-camera for every station, line1:gpu for one; an upgrade keeps them")  # fmt: skip
    parser.add_argument("--purge", action="store_true", help="uninstall: config and state go, too")
    return parser.parse_args()


def _alone() -> int:
    """One at a time, with all that it has started: what a killed one left running is waited for."""
    lock = os.open(Path(__file__), os.O_RDONLY)
    os.set_inheritable(lock, True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another one runs: waiting for its end", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock
