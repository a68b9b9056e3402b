"""What the documents do with the service is done to the shipped unit under a real systemd."""

from __future__ import annotations

import subprocess

import pytest

from agent.local_line import LineOptions
from tests.docs import how, pages
from tests.docs.pages import INSTALLATION, PAGES
from tests.service.conftest import machine
from tests.service.machine import Machine
from tests.service.service_line import ServiceLine
from tests.waiting import wait_until

__all__ = ["machine"]

PERSON = "diaz"


@pytest.fixture
def person(machine: Machine) -> None:
    """In the groups of docs/operation.md. As at every boot, systemd-tmpfiles opens the log for the second."""
    machine.run("useradd", "--groups", "linegate,systemd-journal", PERSON, check=True)
    machine.systemctl("start", "systemd-journald")
    machine.run("systemd-tmpfiles", "--create", "--prefix=/run/log/journal", check=True)


def typed(machine: Machine, prompt: str, command: str) -> subprocess.CompletedProcess[str]:
    """By root, or by that person; systemctl by root alone, as others ask over a bus that is not there."""
    by = ["runuser", "-u", PERSON, "--"] if prompt == "$" and not command.startswith("systemctl") else []
    path = "PATH=/opt/linegate/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return machine.run(*by, "env", "--chdir=/tmp", path, "bash", "-euc", how.shortened(command))


@pytest.mark.usefixtures("person")
def test_every_command_for_the_service_does_what_its_page_says(machine: Machine) -> None:
    with ServiceLine(
        machine, "line1", LineOptions(seconds=1000, rate_per_s=4), {"archive": {"uncertain_margin": 1}}
    ) as line:
        archive = machine.state / line.instance / "archive"
        wait_until(lambda: any(archive.rglob("*_uncertain.json")), "there is an image to collect")
        machine.systemctl("stop", line.unit)
        done = []
        for prompt, command in in_order():
            pid = machine.main_pid(line.unit)
            done.append((command, typed(machine, prompt, command)))
            if " kill " in command:  # it comes again by itself; `systemctl start` has waited for READY
                wait_until(lambda pid=pid: machine.main_pid(line.unit) not in (0, pid), "systemd starts it again")
                line.wait_until_active()
        wrong = [f"$ {command}\nended with {one.returncode}:\n{one.stdout}{one.stderr}"
                 for command, one in done if one.returncode]  # fmt: skip
        assert not wrong, "\n".join(wrong)
        assert "Active: active" in dict(done)["systemctl status linegate@line1 --no-pager"].stdout
        assert " linegate[" in dict(done)["journalctl -u linegate@line1 -n 50 --no-pager"].stdout
        assert machine.show(line.unit, "ActiveState")["ActiveState"] == "active"


def in_order() -> list[tuple[str, str]]:
    """(prompt, command), also what was typed before: a copy of the journal goes back while the station is stopped."""
    return [(prompt, command) for page in PAGES if page != INSTALLATION for prompt, command in pages.prompted(page)
            if how.place(command) == "service"]  # fmt: skip
