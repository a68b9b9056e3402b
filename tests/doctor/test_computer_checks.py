"""The doctor's look at the computer: real disks, files and journals with faults; of /proc and /sys what is not here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from agent.doctor.disk import check_kind, examine_disk
from agent.doctor.looking import NotKnown, answer, looked
from agent.doctor.permissions import check_device, check_files, check_keys, check_state_dir, examine_permissions
from agent.doctor.processor import (
    check_clock,
    check_governor,
    check_load,
    check_memory,
    check_quota,
    check_steal,
    check_swap,
)
from agent.doctor.real_time import check_real_time
from agent.doctor.record import examine_record
from agent.doctor.running import holder_of
from agent.doctor.service import check_user_namespace, judge_service
from agent.doctor.ticks import times_of
from agent.doctor.time_sync import examine_time, judge_clock
from agent.doctor.versions import RUNTIME, examine_versions, judge_libraries, versions_tested
from agent.event import Event
from agent.finding import Finding, Level
from agent.keys import write_new_keys
from agent.mounts import mounted
from tests.conftest import ROOT
from tests.doctor.stations import found, station, subject, with_plc
from tests.faults.small_disk import SmallDisk
from tests.results.records import journal_at

CPU = "sys/devices/system/cpu/cpu0/cpufreq"
CLOCK = "sys/devices/system/clocksource/clocksource0"
IDLE = "cpu  0 0 0 1000 0 0 0 0 0 0"
MEMORY = "MemTotal: 8000000 kB\nMemAvailable: {free} kB\nSwapTotal: 2000000 kB\nSwapFree: {swap} kB"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def steal(root: Path) -> Finding:
    before = times_of(root)
    tree(root, {"proc/stat": "cpu  0 0 0 1900 0 0 0 100 0 0"})
    return check_steal(root, before)


@pytest.mark.parametrize(
    ("files", "check", "level", "seen"),
    [
        ({f"{CLOCK}/current_clocksource": "tsc", f"{CLOCK}/available_clocksource": "tsc hpet"}, check_clock,
         Level.RIGHT, "tsc"),
        ({f"{CLOCK}/current_clocksource": "hpet", f"{CLOCK}/available_clocksource": "tsc hpet"}, check_clock,
         Level.DOUBTFUL, "hpet"),
        ({f"{CPU}/scaling_governor": "performance", f"{CPU}/scaling_cur_freq": "3600000",
          f"{CPU}/cpuinfo_max_freq": "3600000"}, check_governor, Level.RIGHT, "3600 to 3600 of 3600 MHz"),
        ({f"{CPU}/scaling_governor": "powersave"}, check_governor, Level.DOUBTFUL, "powersave"),
        ({"sys/readme": ""}, check_governor, Level.UNKNOWN, "not known"),
        ({"proc/cpuinfo": "flags : fpu", "proc/stat": IDLE}, steal, Level.WRONG, "10.0% of the time stolen"),
        ({"proc/loadavg": "0.1 0.2 0.3 1/2 3"}, check_load, Level.RIGHT, "0.2 over 5 min"),
        ({"proc/loadavg": "0.1 999 0.3 1/2 3"}, check_load, Level.DOUBTFUL, "999 over 5 min"),
        ({"proc/self/cgroup": "0::/box", "sys/fs/cgroup/box/cpu.max": "150000 100000"}, check_quota, Level.DOUBTFUL,
         "1.5 processors"),
        ({"proc/self/cgroup": "0::/box", "sys/fs/cgroup/box/cpu.max": "max 100000"}, check_quota, Level.RIGHT, "none"),
        ({"proc/meminfo": MEMORY.format(free=100_000, swap=2_000_000)}, check_memory, Level.DOUBTFUL, "98 of 7,812 MB"),
        ({"proc/meminfo": MEMORY.format(free=1, swap=1_000_000)}, lambda root: check_swap(root, None), Level.DOUBTFUL,
         "977 of 1,953 MB"),
        ({"proc/meminfo": MEMORY.format(free=1, swap=1_000_000), "proc/7/status": "VmSwap: 2048 kB"},
         lambda root: check_swap(root, 7), Level.WRONG, "2 MB of it the station's"),
    ],
)  # fmt: skip
def test_what_the_kernel_says_is_judged(files: dict[str, str], check, level, seen: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    told = looked("it", lambda: check(tree(tmp_path, files)))
    assert (told.level, seen in told.seen) == (level, True), told
    assert bool(told.remedy) == (level in (Level.DOUBTFUL, Level.WRONG))


def test_what_cannot_be_seen_is_not_known_and_never_right(tmp_path: Path) -> None:
    for check in (check_clock, check_memory, check_load, check_governor, check_quota):
        told = looked("it", partial(check, tmp_path))
        assert told.level is Level.UNKNOWN
        assert told.seen.startswith("not known: ")
    with pytest.raises(NotKnown, match="no program"):
        answer("no-such-program")
    with pytest.raises(NotKnown, match=r"has not answered within 0\.1 s"):
        answer("sleep", "5", within_s=0.1)
    with pytest.raises(NotKnown, match="'false' says: exit 1"):
        answer("false")


def test_the_lock_is_seen_on_disks_without_a_number_of_their_own(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("")
    found_, root = lock.stat(), tmp_path / "root"
    device = f"{os.major(found_.st_dev):02x}:{os.minor(found_.st_dev):02x}"
    listed = "1: POSIX  ADVISORY  WRITE 5 {d}:{i} 0 EOF\n2: FLOCK  ADVISORY  WRITE 44 {d}:{i} 0 EOF"
    assert holder_of(lock, tree(root, {"proc/locks": listed.format(d=device, i=found_.st_ino)})) == 44
    assert holder_of(lock, tree(root, {"proc/locks": listed.format(d="ff:ff", i=found_.st_ino)})) is None
    assert holder_of(lock, tree(root, {"proc/locks": listed.format(d=device, i=1)})) is None


# --- disk ------------------------------------------------------------------------------------------------------------


def test_a_disk_of_memory_that_is_full(tiny_model: Path, tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk", 4) as disk:
        of = subject(station(tmp_path, tiny_model, station={"state_dir": str(disk.path)}))
        told = found(examine_disk, of)
        assert told["kind"].level is Level.DOUBTFUL
        assert f"tmpfs at {disk.path}" in told["kind"].seen
        assert told["room"].level is Level.WRONG
        assert told["sync"].level is not Level.UNKNOWN
        disk.fill()
        full = found(examine_disk, of)["sync"]
        assert (full.level, "no space left" in full.seen) == (Level.UNKNOWN, True), full
        disk.free()
        disk.make_read_only()
        assert "read-only" in found(examine_disk, of)["kind"].seen
        assert not list(disk.path.iterdir()), "it has left something behind"


@pytest.mark.parametrize(
    ("kind", "level"), [("ext4", Level.RIGHT), ("nfs4", Level.DOUBTFUL), ("overlay", Level.DOUBTFUL)]
)
def test_the_kind_of_disk_is_judged(kind: str, level: Level, tmp_path: Path) -> None:
    lines = f"1 0 8:1 / / rw - xfs /dev/a rw\n2 1 0:9 / {tmp_path} rw,noatime shared:1 - {kind} server:/x rw"
    root = tree(tmp_path / "root", {"proc/self/mountinfo": lines})
    assert check_kind(tmp_path, root).level is level
    assert str(mounted(Path("/usr"), root)) == "xfs at /"


# --- permissions -----------------------------------------------------------------------------------------------------


def test_who_may_read_and_write_too_much(tiny_model: Path, tmp_path: Path) -> None:
    _, secret = write_new_keys("cam1", tmp_path / "keys")
    (tmp_path / "clients").mkdir()
    keys = {"station_key": str(secret), "client_keys": str(tmp_path / "clients")}
    of = subject(path := station(tmp_path, tiny_model, publisher=keys))
    assert check_keys(of.config).level is Level.RIGHT
    secret.chmod(0o644)
    told = check_keys(of.config)
    assert (told.level, f"chmod 600 {secret}" in told.seen) == (Level.WRONG, True)
    path.chmod(0o666)
    assert f"chmod o-w {path}" in check_files([path, tiny_model]).remedy
    path.chmod(0o600)
    assert check_files([path]).level is Level.RIGHT
    for mode, level in ((0o700, Level.RIGHT), (0o755, Level.DOUBTFUL), (0o777, Level.WRONG)):
        (tmp_path / "state").mkdir(exist_ok=True)
        (tmp_path / "state").chmod(mode)
        assert check_state_dir(tmp_path / "state").level is level
    assert check_device(Path("/dev/null")).level is Level.RIGHT
    assert check_device(tmp_path / "ttyS9").level is Level.WRONG
    assert {"user", "state folder", "files", "keys", "real time"} <= set(found(examine_permissions, of))


def test_real_time_that_was_asked_for_is_looked_for(tiny_model: Path, tmp_path: Path) -> None:
    """This process has none; a child that has locked its memory has."""
    of = subject(station(tmp_path, tiny_model, realtime={"lock_memory": True}), pid=os.getpid())
    told = check_real_time(of)
    assert (told.level, "memory not locked" in told.seen) == (Level.WRONG, True)
    assert "realtime.conf" in told.remedy
    assert check_real_time(subject(station(tmp_path, tiny_model))).level is Level.RIGHT
    if os.geteuid() != 0:
        pytest.skip("to lock memory takes root")
    code = "import ctypes, time; print(ctypes.CDLL(None).mlockall(7), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as locked:
        assert locked.stdout
        assert locked.stdout.readline() == b"0\n"
        told = check_real_time(subject(station(tmp_path, tiny_model, realtime={"lock_memory": True}), locked.pid))
        locked.kill()
    assert told.level is Level.RIGHT, told


@pytest.mark.parametrize(("limit", "level"), [("infinity", Level.RIGHT), ("50", Level.RIGHT), ("0", Level.WRONG)])
def test_the_services_limits_are_asked_where_it_does_not_run(
    limit: str, level: Level, tiny_model: Path, tmp_path: Path
) -> None:
    path = with_plc(tmp_path, tiny_model, 502)
    path.write_text(f"{path.read_text()}\n[realtime]\nlink_priority = 50\n")
    of = subject(path)
    of.shown = {"LoadState": "loaded", "LimitMEMLOCK": "infinity", "LimitRTPRIO": limit}
    told = check_real_time(of)
    assert (told.level, told.seen.startswith("linegate@station.service permits")) == (level, True), told


# --- record ----------------------------------------------------------------------------------------------------------


def test_starts_that_were_cut_off_and_alarms_that_stand(tiny_model: Path, tmp_path: Path) -> None:
    of = subject(station(tmp_path, tiny_model))
    assert [finding.level for finding in examine_record(of)] == [Level.UNKNOWN]
    with closing(journal_at(of.config.station.journal)) as journal:
        events = [("start", "start", ""), ("alarm", "OLD", "raised"), ("start", "start", ""),
                  ("alarm", "DRIFT", "raised"), ("alarm", "JAM", "raised"), ("alarm", "JAM", "cleared")]  # fmt: skip
        for kind, what, detail in events:
            journal.record(Event(kind, what, detail))
    told = found(examine_record, of)
    assert told["journal"].level is Level.RIGHT
    assert told["starts"].seen.startswith("2 in the last day, 1 of them cut off")
    assert told["alarms"].seen.startswith("DRIFT since ")
    assert "JAM" not in told["alarms"].seen
    of.config.station.journal.write_bytes(b"no database" * 1000)
    told = found(examine_record, of)
    assert told["journal"].level is told["rows"].level is Level.WRONG
    assert "restart the station" in told["journal"].remedy


# --- the rest --------------------------------------------------------------------------------------------------------


def test_libraries_are_compared_with_those_of_the_tests(tiny_model: Path, tmp_path: Path) -> None:
    wanted = versions_tested((ROOT / "constraints.txt").read_text())
    assert judge_libraries({"numpy": wanted["numpy"]}, wanted).level is Level.RIGHT
    told = judge_libraries({"numpy": "1.0", "other": "1"}, wanted)
    assert (told.level, told.seen) == (Level.DOUBTFUL, f"numpy 1.0 (tested: {wanted['numpy']})")
    assert found(examine_versions, subject(station(tmp_path, tiny_model)))["libraries"].level is Level.RIGHT


def test_every_library_that_a_station_needs_is_looked_at() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert list(RUNTIME) == [re.split(r"[^\w-]", line)[0] for line in project["dependencies"]]


def test_a_system_without_a_name_is_said_to_have_none(tiny_model: Path, tmp_path: Path) -> None:
    of = subject(station(tmp_path, tiny_model))
    for files in ({}, {"etc/os-release": "ID=x"}):
        of.root = tree(tmp_path / "root", files)
        assert found(examine_versions, of)["system"].seen.startswith("an unnamed system, kernel ")


def test_the_time_of_day_is_judged(tiny_model: Path, tmp_path: Path) -> None:
    assert judge_clock(False, 0.1, 0.02, "chrony").level is Level.RIGHT
    assert judge_clock(True, 0.0, 16.0, "nobody").level is Level.DOUBTFUL
    assert judge_clock(False, 0.1, 2.0, "chrony").level is Level.DOUBTFUL
    (told,) = examine_time(subject(station(tmp_path, tiny_model)))
    assert told.level is not Level.UNKNOWN, "the kernel can always be asked"


GOOD_UNIT = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled",
             "WatchdogUSec": "5s", "Restart": "always", "RestartPreventExitStatus": "78", "NRestarts": "0",
             "ExecStart": "{ path=/opt/linegate/bin/linegate ; argv[]=linegate run /x.toml ; }"}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "subject_", "level"),
    [
        ({}, "state", Level.RIGHT),
        ({"LoadState": "not-found"}, "unit", Level.DOUBTFUL),
        ({"ActiveState": "failed", "ExecMainStatus": "78"}, "state", Level.WRONG),
        ({"ActiveState": "inactive"}, "state", Level.DOUBTFUL),
        ({"UnitFileState": "disabled"}, "at boot", Level.DOUBTFUL),
        ({"WatchdogUSec": "0"}, "watchdog", Level.DOUBTFUL),
        ({"Restart": "no"}, "restart", Level.DOUBTFUL),
        ({"NeedDaemonReload": "yes"}, "unit file", Level.DOUBTFUL),
        ({"ExecStart": "linegate run /y.toml"}, "its file", Level.DOUBTFUL),
    ],
)
def test_the_service_is_judged(changed: dict[str, str], subject_: str, level: Level) -> None:
    told = {f.subject: f for f in judge_service("linegate@x.service", GOOD_UNIT | changed, True, Path("/x.toml"))}
    assert told[subject_].level is level
    if changed.get("ExecMainStatus"):
        assert told["state"].remedy == "linegate check /x.toml says what; then systemctl start linegate@x.service"
    if not changed:
        assert {finding.level for finding in told.values()} == {Level.RIGHT}


@pytest.mark.parametrize(
    ("wanted", "most", "level"), [("yes", "96365", Level.RIGHT), ("yes", "0", Level.WRONG), ("no", "0", Level.RIGHT)]
)
def test_a_unit_that_wants_a_user_namespace_must_be_allowed_one(
    wanted: str, most: str, level: Level, tmp_path: Path
) -> None:
    root = tree(tmp_path, {"proc/sys/user/max_user_namespaces": most})
    told = check_user_namespace(root, {"PrivateUsers": wanted})
    assert told.level is level
    assert level is Level.RIGHT or told.remedy.endswith("systemd/install --with no-user-namespace")
