"""The unit wants a user namespace; where this computer allows none, systemd ends the service before it begins."""

from __future__ import annotations

from pathlib import Path

from installing.refused import Refused
from installing.service_files import NUMBER

MOST = Path("/proc/sys/user/max_user_namespaces")
DROP_IN = "no-user-namespace"
WITHOUT = "PrivateUsers=no"


def require_user_namespaces(drop_ins: list[Path], sources: Path) -> None:
    """`drop_ins`: all that will be there, each with its text in `sources`. Raises Refused, with the remedy.

    A drop-in for one station says that somebody has thought of this.
    """
    if not MOST.exists() or MOST.read_text().strip() != "0":
        return
    for path in drop_ins:
        text = sources / path.name.removeprefix(NUMBER)
        if text.exists() and WITHOUT in text.read_text().splitlines():
            return
    raise Refused(
        "user.max_user_namespaces = 0: the service would end with 217/USER, again and again: systemd/install "
        f"--with {DROP_IN}, or allow some: sysctl user.max_user_namespaces=100, and in /etc/sysctl.d"
    )
