"""A station that was held up: what ran out meanwhile is not inspected any more, so that the next parts are in time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pyModbusTCP.server import ModbusServer

from agent.errors import Fault
from agent.health import Stages
from agent.inspection import Trigger
from agent.link import late_again
from agent.local_line import free_port
from agent.plc.decision import Timing
from agent.plc.facts import Facts
from agent.plc.handshake import Handshake
from agent.plc.link import PlcLink
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.wires.endpoint import tcp_endpoint
from agent.plc.wires.modbus import ModbusConnection
from agent.plc.wires.polling import PollingWire, Words
from tests.plc.scripted_link import linked_station, run_program
from tests.results.records import journal_at

PARTS, STALLED, RUN_OUT = 30, 5, 6


def test_parts_that_ran_out_while_they_waited_are_not_begun(tmp_path: Path) -> None:
    begun: list[int] = []
    settled_before_next: list[int] = []

    def stall(link: PlcLink, trigger: Trigger) -> None:
        """Until RUN_OUT parts, this one and those behind it, have been settled by their deadline."""
        begun.append(trigger.part_id)
        end_s = time.monotonic() + 10
        while trigger.part_id == STALLED and time.monotonic() < end_s:
            time.sleep(0.01)
            lost = link.situation().no_decisions.get("deadline", 0)
            if lost >= RUN_OUT:
                settled_before_next.append(lost)
                return

    port = free_port()
    server = ModbusServer("127.0.0.1", port, no_block=True)
    server.start()
    try:
        wire = PollingWire(lambda: ModbusConnection(tcp_endpoint("127.0.0.1", port), 1, 200), Words(False), cycle_ms=10)
        with linked_station(wire, tmp_path, stall):
            bank = server.data_bank
            run_program(
                PARTS,
                lambda: bank.get_holding_registers(AGENT_BLOCK.base, AGENT_BLOCK.count),
                lambda words: bank.set_holding_registers(PLC_BLOCK.base, words),
            )
    finally:
        server.stop()
    (lost,) = settled_before_next
    following = begun[begun.index(STALLED) + 1]
    assert following >= STALLED + lost


class HangingWire:
    """Its thread does not come back from the first exchange, until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    async def exchange_forever(self, link: Any) -> None:
        link.tick()
        self.over.wait()


def test_a_link_that_hangs_before_ready_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.plc.link.PROGRESS_LIMIT_S", 0.1)
    wire, waited = HangingWire(), list[str]()
    journal = journal_at(tmp_path / "journal.sqlite")
    link = PlcLink(wire, Handshake(Timing(200, 25, 5), 1, Facts()), journal, Stages.of(100, 100).health, 500)  # type: ignore[arg-type]
    try:
        with pytest.raises(Fault, match="the link's thread hangs"):
            link.wait_for_triggers(waited.append, threading.Event())
    finally:
        wire.over.set()
        link.close()
        journal.close()
    assert waited, "it was waited for as for any link, until it was late at two looks"


def test_a_link_that_is_late_once_was_stopped_and_goes_on() -> None:
    late = False
    for progressing in (True, False, True, False, True):
        late = late_again(progressing, late)
