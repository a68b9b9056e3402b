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
from agent.plc.endpoint import tcp_endpoint
from agent.plc.modbus import ModbusConnection
from agent.plc.polling import PollingWire, Words
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.serving import ServingWire
from tests.plc.libmodbus_server import LibmodbusServer
from tests.plc.scripted_link import AGENT_EPOCH, check_outcomes, linked_station, run_program

PARTS = 40


def polling(port: int, combined: bool = False) -> PollingWire:
    return PollingWire(lambda: ModbusConnection(tcp_endpoint("127.0.0.1", port), 1, 200), Words(combined), cycle_ms=10)


@pytest.mark.parametrize("combined", [False, True], ids=["FC03 and FC16", "FC23"])
def test_a_plc_behind_pymodbustcp(tmp_path: Path, combined: bool) -> None:
    port = free_port()
    server = ModbusServer("127.0.0.1", port, no_block=True)
    server.start()
    try:
        with linked_station(polling(port, combined), tmp_path):
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
    with LibmodbusServer() as server, linked_station(polling(server.port, combined), tmp_path):
        outcomes = run_program(
            PARTS,
            lambda: server.get(AGENT_BLOCK.base, AGENT_BLOCK.count),
            lambda words: server.put(PLC_BLOCK.base, words),
        )
    check_outcomes(outcomes)


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


def mbpoll(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Unit 1, holding registers, references as PDU addresses, once."""
    if shutil.which("mbpoll") is None:
        pytest.skip("mbpoll is not installed: .ci/system-packages test")
    command = ["mbpoll", "-m", "tcp", "-p", str(port), "-a", "1", "-0", "-1", *arguments[:-1], "127.0.0.1"]
    return subprocess.run([*command, *arguments[-1:]] if arguments[-1] else command,
                          capture_output=True, text=True, timeout=30, check=False)  # fmt: skip


def test_mbpoll_reads_what_the_map_says(tmp_path: Path) -> None:
    with served_station(tmp_path) as port:
        result = mbpoll(port, "-t", "4:hex", "-r", str(AGENT_BLOCK.base), "-c", "5", "")
        shown = {int(at): int(word, 16) for at, word in re.findall(r"\[(\d+)\]:\s+0x([0-9A-F]+)", result.stdout)}
        assert shown[AGENT_BLOCK.base] == 0x5601, result.stdout + result.stderr
        assert shown[AGENT_BLOCK.base + 4] == AGENT_EPOCH
        assert len(shown) == 5


def test_mbpoll_cannot_write_into_our_block(tmp_path: Path) -> None:
    with served_station(tmp_path) as port:
        result = mbpoll(port, "-t", "4", "-r", str(AGENT_BLOCK.base), "99")
        assert "Written" not in result.stdout
        assert "Illegal" in result.stdout + result.stderr
