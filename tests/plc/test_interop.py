"""Linegate with Modbus software that nobody here wrote: pyModbusTCP, libmodbus and mbpoll."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyModbusTCP.client import ModbusClient
from pyModbusTCP.server import ModbusServer

from agent.local_line import free_port
from agent.plc.register_map import AGENT_BLOCK, MAP_ID, PLC_BLOCK, OutcomeCode
from agent.plc.wires.endpoint import Endpoint, rtu_endpoint, tcp_endpoint
from agent.plc.wires.modbus import ModbusConnection
from agent.plc.wires.polling import PollingWire, Words
from agent.plc.wires.serial_timing import SerialLine
from agent.plc.wires.serving import ServingWire
from tests.plc.cable import Cable
from tests.plc.libmodbus_server import LibmodbusMemory, LibmodbusRtu, LibmodbusTcp
from tests.plc.scripted_link import AGENT_EPOCH, check_outcomes, linked_station, run_program

PARTS = 40
BAUD_RATE = 230_400


def polling(endpoint: Endpoint, combined: bool = False) -> PollingWire:
    return PollingWire(lambda: ModbusConnection(endpoint, 1, 200), Words(combined), cycle_ms=10)


@pytest.mark.parametrize("combined", [False, True], ids=["FC03 and FC16", "FC23"])
def test_a_plc_behind_pymodbustcp(tmp_path: Path, combined: bool) -> None:
    port = free_port()
    server = ModbusServer("127.0.0.1", port, no_block=True)
    server.start()
    try:
        with linked_station(polling(tcp_endpoint("127.0.0.1", port), combined), tmp_path):
            bank = server.data_bank
            outcomes = run_program(
                PARTS,
                lambda: bank.get_holding_registers(AGENT_BLOCK.base, AGENT_BLOCK.count),
                lambda words: bank.set_holding_registers(PLC_BLOCK.base, words),
            )
        check_outcomes(outcomes)
    finally:
        server.stop()


@pytest.mark.parametrize("combined", [False, True], ids=["FC03 and FC16", "FC23"])
def test_a_plc_behind_libmodbus(tmp_path: Path, combined: bool) -> None:
    skip_without_libmodbus()
    with LibmodbusTcp() as server, linked_station(polling(tcp_endpoint("127.0.0.1", server.port), combined), tmp_path):
        check_outcomes(run_behind(server))


def test_a_plc_behind_libmodbus_on_a_serial_line(tmp_path: Path) -> None:
    skip_without_libmodbus()
    cable = Cable(tmp_path, BAUD_RATE)
    cable.plug()
    endpoint = rtu_endpoint(SerialLine(str(cable.agent_end), BAUD_RATE, "none"))
    with LibmodbusRtu(cable.plc_end, BAUD_RATE) as server, linked_station(polling(endpoint), tmp_path):
        check_outcomes(run_behind(server))
    cable.close()


def run_behind(memory: LibmodbusMemory) -> dict[int, OutcomeCode]:
    return run_program(
        PARTS,
        lambda: memory.get(AGENT_BLOCK.base, AGENT_BLOCK.count),
        lambda words: memory.put(PLC_BLOCK.base, words),
    )


def skip_without_libmodbus() -> None:
    try:
        ctypes.CDLL("libmodbus.so.5")
    except OSError:
        pytest.skip("libmodbus is not installed: .ci/system-packages test")


def test_a_plc_that_is_a_pymodbustcp_client(tmp_path: Path) -> None:
    """The server's role: it writes its block and reads ours, as a PLC's client block would."""
    port = free_port()
    with linked_station(ServingWire("127.0.0.1", port), tmp_path):
        client = ModbusClient("127.0.0.1", port, timeout=2)
        outcomes = run_program(
            PARTS,
            lambda: client.read_holding_registers(AGENT_BLOCK.base, AGENT_BLOCK.count),
            lambda words: client.write_multiple_registers(PLC_BLOCK.base, words),
        )
        client.close()
    check_outcomes(outcomes)


@contextmanager
def served_station(folder: Path) -> Iterator[int]:
    port = free_port()
    with linked_station(ServingWire("127.0.0.1", port), folder):
        yield port


def mbpoll(port: int, options: str, value: str = "") -> str:
    """What it says about unit 1's holding registers, references as PDU addresses, asked once."""
    if shutil.which("mbpoll") is None:
        pytest.skip("mbpoll is not installed: .ci/system-packages test")
    command = f"mbpoll -m tcp -p {port} -a 1 -0 -1 {options} 127.0.0.1 {value}".split()
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return result.stdout + result.stderr


def test_mbpoll_reads_what_the_map_says(tmp_path: Path) -> None:
    with served_station(tmp_path) as port:
        said = mbpoll(port, f"-t 4:hex -r {AGENT_BLOCK.base} -c 5")
    shown = {int(at): int(word, 16) for at, word in re.findall(r"\[(\d+)\]:\s+0x([0-9A-F]+)", said)}
    assert len(shown) == 5, said
    assert shown[AGENT_BLOCK.base] == MAP_ID == 0x5601
    assert shown[AGENT_BLOCK.base + 4] == AGENT_EPOCH


def test_mbpoll_cannot_write_into_our_block(tmp_path: Path) -> None:
    with served_station(tmp_path) as port:
        said = mbpoll(port, f"-t 4 -r {AGENT_BLOCK.base}", "98 99")
        assert "Illegal data address" in said, said
