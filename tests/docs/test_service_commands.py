"""What the documents do with the service is done to the shipped unit under a real systemd."""

from __future__ import annotations

import subprocess

from agent.local_line import LineOptions
from tests.docs import how, pages
from tests.docs.pages import INSTALLATION, PAGES
from tests.service.conftest import machine
from tests.service.machine import Machine
from tests.service.service_line import ServiceLine
from tests.waiting import wait_until

__all__ = ["machine"]

SUDO = 'sudo() { runuser --user="$2" -- "${@:3}"; }'
"""As sudo does it; a computer for tests may have none."""


def typed(machine: Machine, command: str) -> subprocess.CompletedProcess[str]:
    """By root, at that computer."""
    path = "PATH=/opt/linegate/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return machine.run("env", "--chdir=/tmp", path, "bash", "-euc", f"{SUDO}\n{command}")


def test_every_command_for_the_service_does_what_its_page_says(machine: Machine) -> None:
    with ServiceLine(
        machine, "line1", LineOptions(seconds=1000, rate_per_s=4), {"archive": {"uncertain_margin": 1}}
    ) as line:
        archive = machine.state / line.instance / "archive"
        wait_until(lambda: any(archive.rglob("*_uncertain.json")), "there is an image to collect")
        machine.systemctl("stop", line.unit)
        done = []
        for command in in_order():
            pid = machine.main_pid(line.unit)
            done.append((command, typed(machine, command)))
            if " kill " in command:  # it comes again by itself; `systemctl start` has waited for READY
                wait_until(lambda pid=pid: machine.main_pid(line.unit) not in (0, pid), "systemd starts it again")
                line.wait_until_active()
        wrong = [f"$ {command}\nended with {one.returncode}:\n{one.stdout}{one.stderr}"
                 for command, one in done if one.returncode]  # fmt: skip
        assert not wrong, "\n".join(wrong)
        assert "Active: active" in dict(done)["systemctl status linegate@line1 --no-pager"].stdout
        assert machine.show(line.unit, "ActiveState")["ActiveState"] == "active"


def in_order() -> list[str]:
    """Also what was typed before: a copy of the journal goes back while the station is stopped."""
    return [command for page in PAGES if page != INSTALLATION for command in pages.typed(page)
            if how.place(command) == "service"]  # fmt: skip
