"""What is not allowed by default and a drop-in allows: a key that only root can read, real time."""

from __future__ import annotations

import os
from contextlib import closing
from itertools import islice
from pathlib import Path
from shutil import copy

import pytest

from agent.keys import load_client_keys, write_new_keys
from agent.local_line import LineOptions
from agent.subscriber.subscriber import subscribe
from tests.conftest import ROOT
from tests.service.machine import Machine
from tests.service.service_line import ServiceLine

BELT = LineOptions(seconds=300, rate_per_s=5)
REALTIME = {"realtime": {"link_priority": 50, "lock_memory": True}}
DROP_INS = ROOT / "systemd" / "drop-ins"
CAP_SYS_RESOURCE = 24
CAPABLE = """[Service]
CapabilityBoundingSet=CAP_SYS_NICE CAP_IPC_LOCK
AmbientCapabilities=CAP_SYS_NICE CAP_IPC_LOCK
PrivateUsers=no
"""
"""In the place of the limits, where this computer's root may not raise any: in many a container."""


def install_drop_in(machine: Machine, unit: str, name: str) -> None:
    machine.drop_in(unit, name, (DROP_INS / f"{name}.conf").read_text())


def may_raise_limits() -> bool:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")]
    return bool(int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1)


def policies(pid: int) -> dict[int, int]:
    """Scheduling policy by thread, as the kernel shows it."""
    threads = (int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())
    return {thread: os.sched_getscheduler(thread) for thread in threads}


def locked_kb(pid: int) -> int:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmLck:")]
    return int(line.split()[1])


def test_keys_that_root_alone_can_read_and_real_time_for_one_thread(machine: Machine, tmp_path: Path) -> None:
    for name in ("sealed", "listener"):
        write_new_keys(name, tmp_path)
    clients, keys = machine.etc / "clients", machine.etc / "keys"
    clients.mkdir(mode=0o755)
    keys.mkdir(mode=0o700)
    copy(tmp_path / "listener.key", clients)
    copy(tmp_path / "sealed.key_secret", keys)
    publisher = {"station_key": "/run/credentials/linegate@sealed.service/station_key",
                 "client_keys": "/etc/linegate/clients"}  # fmt: skip
    line = ServiceLine(machine, "sealed", BELT, {"publisher": publisher} | REALTIME)
    for name in ("keys", "realtime"):
        install_drop_in(machine, line.unit, name)
    if not may_raise_limits():
        machine.drop_in(line.unit, "zz-capable", CAPABLE)
    with line:
        shown = load_client_keys(tmp_path / "sealed.key", tmp_path / "listener.key_secret")
        results = subscribe(line.endpoints["results"], line.endpoints["replay"], since=0, keys=shown)
        with closing(results):  # type: ignore[type-var]
            assert len(list(islice(results, 3))) == 3
        pid = machine.main_pid(line.unit)
        assert sorted(policies(pid).values())[-2:] == [os.SCHED_OTHER, os.SCHED_FIFO], "one thread, and no other"
        assert locked_kb(pid) > 50_000


@pytest.mark.parametrize("key", REALTIME["realtime"])
def test_real_time_that_is_not_permitted_is_one_line_that_names_the_drop_in(machine: Machine, key: str) -> None:
    line = ServiceLine(machine, key, BELT, {"realtime": {key: REALTIME["realtime"][key]}})
    try:
        line.prepare()
        assert machine.run("systemctl", "start", line.unit).returncode == 1
        assert machine.show(line.unit, "ExecMainStatus", "NRestarts") == {"ExecMainStatus": "78", "NRestarts": "0"}
        (said,) = [entry["MESSAGE"] for entry in machine.journal(line.unit) if "realtime." in str(entry["MESSAGE"])]
        assert "systemd/drop-ins/realtime.conf" in said
    finally:
        line.__exit__(None, None, None)
