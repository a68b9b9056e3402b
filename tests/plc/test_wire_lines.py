"""Whole lines over the other wires: Modbus RTU on a serial line, FC23, and the PLC as the client."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from pymodbus.client import ModbusTcpClient

from agent.plc.register_map import PLC_BLOCK
from tests.faults.chaos_proxy import ChaosProxy
from tests.faults.observed_line import ObservedLine, line_of
from tests.plc.cable import Cable
from tests.waiting import wait_until

BAUD_RATE = 115_200


class SerialLineOfParts(ObservedLine):
    """Station and PLC at the two ends of a cable; the station finds its device only after a while."""

    def _write_config(self) -> dict[str, Any]:
        settings = super()._write_config()
        self.cable = Cable(self._path, BAUD_RATE)
        text = self.config.read_text()
        for gone in ("host", "port"):
            text = text.replace(f"{gone} = {settings['plc'][gone]!r}\n".replace("'", '"'), "")
        serial = f'\n[plc.serial]\ndevice = "{self.cable.agent_end}"\nbaud_rate = {BAUD_RATE}\nparity = "none"\n'
        self.config.write_text(text + serial)
        return settings

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        there = {"--serial": self.cable.plc_end, "--baud": BAUD_RATE, "--parity": "none"}
        return super()._simulator_arguments(settings) + [str(word) for pair in there.items() for word in pair]

    def wait_until_ready(self) -> float:
        self.check_alive()
        wait_until(lambda: self.said("no such device: plug it in, or name another") > 0, "it says so")
        self.cable.plug()
        return super().wait_until_ready()

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        self.cable.close()


RTU = {"plc": {"transport": "rtu", "cycle_ms": 60, "guard_ms": 40}, "trigger": {"min_pitch_ms": 100}}


def test_a_serial_line_that_is_cut_and_unplugged(two_verdict_model: Path) -> None:
    with SerialLineOfParts(line_of(two_verdict_model, seconds=20, rate_per_s=10), RTU) as line:
        back(line, "the line runs")
        line.cable.cut(0.4)
        back(line, "the line comes back from a cut")
        line.cable.unplug()
        wait_until(lambda: line.said("no such device") > 1, "it is looked for again and again")
        line.cable.plug()
        back(line, "the line comes back from a plug that was pulled")
        line.end_here()
        counts = line.check_ledgers()
        assert min(counts["pass"], counts["reject"]) >= 5, "this run has proved nothing"
        assert line.said("no answer to a")


class ServedLine(ObservedLine):
    """The PLC is the client, and comes to the station through a proxy."""

    def _write_config(self) -> dict[str, Any]:
        settings = super()._write_config()
        self.proxy = ChaosProxy(settings["plc"]["port"])
        return settings

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        assert self.proxy is not None
        through = settings | {"plc": {"port": self.proxy.port}}
        return [*super()._simulator_arguments(through), "--role", "client"]


SERVER = {"plc": {"role": "server", "cycle_ms": 5}}


def test_a_plc_that_is_the_client(two_verdict_model: Path) -> None:
    """It stands still, its link freezes and breaks, we are killed, an old block comes again: all is decided once."""
    with ServedLine(line_of(two_verdict_model, seconds=25, rate_per_s=15), SERVER) as line:
        assert line.proxy is not None
        for parts, frozen_s in ((10, 0.3), (25, 1.2)):
            line.wait_for_parts(parts)
            line.processes["simulator"].send_signal(signal.SIGSTOP)
            time.sleep(frozen_s)
            line.processes["simulator"].send_signal(signal.SIGCONT)
        for parts, fault, seconds in ((45, "freeze", 0.6), (60, "reset", 0.0), (70, "black_hole", 0.3)):
            line.wait_for_parts(parts)
            line.proxy.inject(fault, seconds)
        line.wait_for_parts(78)
        line.kill_station()
        line.restart_station()
        back(line, "the line comes back from a kill")
        write_an_old_block(line.settings["plc"]["port"])
        back(line, "the line comes back from an old block")
        line.end_here()
        counts = line.check_ledgers()
        assert min(counts["pass"], counts["reject"]) >= 10, "this run has proved nothing"
        before = [row for row in line.rows() if row["trigger_seq"] <= 8]
        assert any(row["in_time"] for row in before), "nothing was acknowledged while nothing was wrong"
        station = line.processes["station"]
        station.send_signal(signal.SIGTERM)
        assert station.wait(10) == 0


def back(line: ObservedLine, what: str) -> None:
    """Wait until eight more parts have got a verdict."""
    newest = len(line.truth())
    wait_until(
        lambda: sum(row["trigger_seq"] > newest and row["verdict"] != "no_decision" for row in line.rows()) >= 8, what
    )


def write_an_old_block(port: int) -> None:
    """Somebody writes what the PLC wrote half a second ago: the PLC is locked out for as long as he stays."""
    with ModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0) as client:
        old = client.read_holding_registers(PLC_BLOCK.base, count=PLC_BLOCK.count).registers
        time.sleep(0.5)
        for _ in range(5):
            assert not client.write_registers(PLC_BLOCK.base, old).isError()
