"""A local line whose station is an instance of the shipped unit on a test's machine; PLC and belt are outside of it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any, Self

from agent.local_line import LineOptions
from tests.conftest import ROOT
from tests.faults.observed_line import ObservedLine
from tests.faults.plc_memory import PlcMemory
from tests.service.machine import Machine
from tests.waiting import wait_until


class ServiceLine(ObservedLine):
    """`with ServiceLine(machine, 'a', options) as line:` has linegate@a started and READY, parts on their way.

    `changes`: to its config, table by table. `module`: of the station, in place of `linegate run`.
    """

    def __init__(self, machine: Machine, instance: str, options: LineOptions,
                 changes: dict[str, dict[str, Any]] | None = None, module: str = "") -> None:  # fmt: skip
        super().__init__(options, changes)
        self.machine, self.instance, self.unit = machine, instance, f"linegate@{instance}"
        self._module = module

    def __enter__(self) -> Self:
        self.prepare()
        self.start_station()
        return self

    def __exit__(self, *failure: Any) -> None:
        self.machine.run("systemctl", "kill", "--signal=KILL", self.unit)
        self.machine.run("systemctl", "stop", self.unit)
        super().__exit__(*failure)

    def prepare(self, simulated: bool = True) -> None:
        """Config is written and the PLC runs (unless not even that); the station does not."""
        settings = self._write_config()
        self.recipes.mkdir(exist_ok=True)
        recipe = Path(shutil.copy(settings["recipe"], self.recipes / f"{self.instance}.toml"))
        text = self.config.read_text().replace(settings["recipe"], f"/etc/linegate/recipes/{recipe.name}")
        text = text.replace(str(ROOT), "/opt/linegate/source")
        if self.options.model is not None:
            shutil.copy(self.options.model, self.machine.etc / self.options.model.name)
            text = text.replace(str(self.options.model), f"/etc/linegate/{self.options.model.name}")
        self.service_config.write_text(text.replace(str(self.journal.parent), f"/var/lib/linegate/{self.instance}"))
        self.endpoints = settings["publisher"]
        if self._module:
            command = f"/opt/linegate/bin/python -m {self._module} /etc/linegate/{self.instance}.toml"
            self.machine.drop_in(self.unit, "module", f"[Service]\nExecStart=\nExecStart={command}\n")
        if simulated:
            self.start_simulator()

    def start_simulator(self) -> None:
        """PLC, belt and camera."""
        self.start("simulator", self._simulator_arguments(self.settings))

    def start_station(self) -> float:
        """`systemctl start`, which returns when it is READY; how long that took."""
        begun_s = time.monotonic()
        started = self.machine.run("systemctl", "start", self.unit)
        assert started.returncode == 0, "\n".join(str(entry["MESSAGE"]) for entry in self.machine.journal(self.unit))
        return time.monotonic() - begun_s

    def wait_until_active(self) -> None:
        """READY as systemd has it; what the PLC's memory says may be of a process that is dead."""
        wait_until(
            lambda: self.machine.show(self.unit, "ActiveState")["ActiveState"] == "active", "it is READY",
            lambda: self.machine.run("systemctl", "status", "--lines=30", self.unit).stdout,
        )  # fmt: skip

    def stop_station(self) -> float:
        """`systemctl stop`; how long it took."""
        begun_s = time.monotonic()
        self.machine.systemctl("stop", self.unit)
        return time.monotonic() - begun_s

    @property
    def service_config(self) -> Path:
        """As we see what the station reads."""
        return self.machine.etc / f"{self.instance}.toml"

    @property
    def recipes(self) -> Path:
        """As we see the folder of recipes: one for each instance."""
        return self.machine.etc / "recipes"

    @property
    def journal(self) -> Path:
        return self.machine.state / self.instance / "journal.sqlite"

    def truth(self) -> list[dict[str, Any]]:
        """What the PLC knew of: on a busy computer a part may pass the simulated arm while it is late, at rest."""
        return [record for record in super().truth() if record["part_id"]]

    def said(self, text: str, name: str = "station") -> int:
        if name != "station":
            return super().said(text, name)
        return sum(text in str(entry["MESSAGE"]) for entry in self.machine.journal(self.unit))

    def memory(self) -> PlcMemory:
        """A look into the PLC."""
        return PlcMemory(self.settings["plc"]["port"])
