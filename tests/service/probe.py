"""What a service may do, by trying it: `python -m tests.service.probe STATION` prints it as JSON."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from agent.keys import load_pair

MCL_CURRENT = 1


def _serial() -> None:
    os.close(os.open("/dev/ttyS0", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY))


def _usb() -> None:
    os.close(os.open("/dev/bus/usb/001/001", os.O_RDWR))


def _low_port() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 502))


def _priority() -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def _lock_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT) != 0:
        raise OSError(ctypes.get_errno(), "mlockall")


def main() -> None:
    """Each try as the name of its error, or "" where it went well."""
    station = sys.argv[1]
    tries: dict[str, Callable[[], object]] = {
        "serial": _serial,
        "usb": _usb,
        "low port": _low_port,
        "priority": _priority,
        "memory lock": _lock_memory,
        "credential": lambda: load_pair(Path(f"/run/credentials/linegate@{station}.service/station_key")),
        "key": Path(f"/etc/linegate/keys/{station}.key_secret").read_text,
        "state": Path(f"/var/lib/linegate/{station}/probe").touch,
        "cache": Path(f"/var/cache/linegate/{station}/probe").touch,
        "config": Path("/etc/linegate/probe").touch,
    }
    print(json.dumps({what: _error(act) for what, act in tries.items()}))


def _error(act: Callable[[], object]) -> str:
    try:
        act()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    except Exception as error:
        return str(error)
    return ""


main()
