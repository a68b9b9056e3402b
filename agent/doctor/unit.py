"""The station's unit, as systemd shows it."""

from __future__ import annotations

from agent.doctor.looking import answer

PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "UnitFileState", "FragmentPath", "DropInPaths", "NRestarts", "Result",
    "ExecMainStatus", "StatusText", "User", "WatchdogUSec", "Restart", "RestartPreventExitStatus", "NeedDaemonReload",
    "LimitRTPRIO", "LimitMEMLOCK", "ExecStart", "PrivateUsers",
)  # fmt: skip


def show(unit: str) -> dict[str, str]:
    """Its properties, as text. Raises NotKnown."""
    lines = answer("systemctl", "show", unit, "--property", ",".join(PROPERTIES)).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)
