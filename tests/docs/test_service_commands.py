"""What the documents do with the service is done to the shipped unit under a real systemd."""

from __future__ import annotations

import re
import subprocess

from agent.local_line import LineOptions
from tests.docs import how
from tests.docs.pages import commands
from tests.service.conftest import machine
from tests.service.machine import Machine
from tests.service.service_line import ServiceLine

__all__ = ["machine"]

SUDO = 'sudo() { runuser --user="$2" -- "${@:3}"; }'
"""As sudo does it; a computer for tests may have none."""


def typed(machine: Machine, command: str) -> subprocess.CompletedProcess[str]:
    """By root, at that computer."""
    path = "PATH=/opt/linegate/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return machine.run("env", "--chdir=/tmp", path, "bash", "-euc", f"{SUDO}\n{command}")


def test_every_command_for_the_service_does_what_its_page_says(machine: Machine) -> None:
    with ServiceLine(machine, "line1", LineOptions(seconds=1000, rate_per_s=4), {"archive": {}}) as line:
        machine.systemctl("stop", line.unit)
        machine.systemctl("enable", "--now", line.unit)
        done = {command: typed(machine, command) for command in commands() if how.place(command) == "service"}
        wrong = [f"$ {command}\nended with {one.returncode}:\n{one.stdout}{one.stderr}"
                 for command, one in done.items() if one.returncode != how.ENDS_WITH.get(command, 0)]  # fmt: skip
        assert not wrong, "\n".join(wrong)
        assert re.search("Active: active", done["systemctl status linegate@line1 --no-pager"].stdout)
        assert machine.show(line.unit, "ActiveState")["ActiveState"] == "active"
