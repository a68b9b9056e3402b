"""The station as systemd's service: installed, enabled, watched over, and how it has fared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.doctor.looking import NotKnown, looked, read
from agent.doctor.subject import Subject
from agent.finding import Finding, doubtful, right, unknown, wrong

BAD_CONFIG = "78"
NO_WATCHDOG = {"", "0", "infinity"}


def examine_service(subject: Subject) -> Iterator[Finding]:
    """By `systemctl show` of linegate@NAME, NAME that of the station's file."""
    if not (subject.root / "run/systemd/system").is_dir():
        yield unknown("service", "not known: systemd does not run here (a container?)")
        return
    try:
        found = subject.shown
    except NotKnown as why:
        yield unknown("service", f"not known: {why}")
        return
    yield from judge_service(subject.unit, found, subject.running, subject.path)
    if found.get("LoadState") == "loaded":
        yield looked("user namespace", lambda: check_user_namespace(subject.root, found))


def judge_service(unit: str, found: Mapping[str, str], running: bool, config: Path) -> Iterator[Finding]:
    """What the properties say. Pure."""
    if found.get("LoadState") != "loaded":
        yield doubtful("unit", f"{unit} is not installed ({found.get('LoadState', '?')})", "nothing starts the station "
                       "after a power cut: docs/install.md")  # fmt: skip
        return
    drop_ins = [Path(path).name for path in found.get("DropInPaths", "").split()]
    yield right("unit", f"{found.get('FragmentPath', '')}" + (f", drop-ins {', '.join(drop_ins)}" if drop_ins else ""))
    if found.get("NeedDaemonReload") == "yes":
        yield doubtful("unit file", "changed since systemd read it", "systemctl daemon-reload")
    if str(config.resolve()) not in found.get("ExecStart", ""):
        yield doubtful("its file", f"{unit} starts from another file than {config}", "look at the file that it names")
    yield _judge_enabled(unit, found)
    yield _judge_state(unit, found, running, config)
    yield _judge_watchdog(found)
    yield _judge_restart(found)


def check_user_namespace(root: Path, found: Mapping[str, str]) -> Finding:
    """What the unit wants, this computer must allow. `root`: of proc."""
    wanted, most = found.get("PrivateUsers", "?"), read(root / "proc/sys/user/max_user_namespaces")
    text = f"PrivateUsers={wanted}, user.max_user_namespaces = {most}"
    if wanted == "yes" and most == "0":
        return wrong("user namespace", text, "the service ends with 217/USER before it begins: systemd/install --with "
                     "no-user-namespace")  # fmt: skip
    return right("user namespace", text)


def _judge_enabled(unit: str, found: Mapping[str, str]) -> Finding:
    state = found.get("UnitFileState", "")
    if state not in ("enabled", "enabled-runtime", "static", "linked"):
        return doubtful("at boot", state or "not known to start", f"systemctl enable {unit}")
    return right("at boot", state)


def _judge_state(unit: str, found: Mapping[str, str], running: bool, config: Path) -> Finding:
    state, text = found.get("ActiveState", ""), f"{found.get('ActiveState')} ({found.get('SubState')})"
    if said := found.get("StatusText"):
        text += f": {said}"
    text += f"; {found.get('NRestarts', '?')} restarts since it was started by hand"
    if state == "failed":
        code = found.get("ExecMainStatus")
        by = f"linegate check {config} says what" if code == BAD_CONFIG else f"journalctl -u {unit} says why"
        return wrong("state", f"{text}; ended by {found.get('Result')}, exit {code}",
                     f"{by}; then systemctl start {unit}")  # fmt: skip
    if state != "active" and running:
        return doubtful("state", f"{text}, but the station runs", "somebody has started it by hand: it ends with him")
    return right("state", text)


def _judge_watchdog(found: Mapping[str, str]) -> Finding:
    period = found.get("WatchdogUSec", "")
    if period in NO_WATCHDOG:
        return doubtful("watchdog", "none", "a station that hangs is not ended: WatchdogSec=5 in the unit")
    return right("watchdog", period)


def _judge_restart(found: Mapping[str, str]) -> Finding:
    text = f"Restart={found.get('Restart')}, not after {found.get('RestartPreventExitStatus') or 'any exit'}"
    if found.get("Restart") != "always":
        return doubtful("restart", text, "a station that ends for a clean start stays down: Restart=always")
    return right("restart", text)


def service_user(subject: Subject) -> str:
    """Whom the service runs as. Raises NotKnown."""
    if subject.shown.get("LoadState") != "loaded":
        raise NotKnown(f"{subject.unit} is not installed")
    return subject.shown.get("User", "") or "root"
