"""`linegate plc probe` against real Modbus servers with right and wrong PLC programs behind them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest

from agent.errors import Fault
from agent.finding import Finding, Level, wrong
from agent.local_line import free_port
from agent.plc.commissioning.probe import Probed, connect_ms, probe
from agent.plc.commissioning.probe_checks import check_program
from agent.plc.commissioning.probe_report import print_probed
from agent.plc.commissioning.sample import Sample
from agent.plc.register_map import MAP_ID, PLC_BLOCK
from agent.plc_config import PlcConfig
from tests.conftest import Linegate
from tests.plc.plc_process import Plcs, plc_process

LIMITS = PlcConfig(host="127.0.0.1")


@pytest.fixture(scope="module")
def plcs() -> Iterator[Plcs]:
    with plc_process("", "offset", "swapped", "short", "standing") as running:
        yield running


def probed(port: int, write_test: bool = False) -> dict[str, Finding]:
    found = asyncio.run(probe(PlcConfig(host="127.0.0.1", port=port), 0.3, write_test))
    return {finding.subject: finding for finding in found.findings}


def test_a_good_plc_is_good_and_a_read_changes_nothing(plcs: Plcs, linegate: Linegate) -> None:
    found = probed(plcs.port[""], write_test=False)
    assert "FC16" not in found
    result = linegate("plc", "probe", "127.0.0.1", "--port", plcs.port[""], "--seconds", 0.5, "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    said = json.loads(result.stdout)
    assert said["good"]
    assert said["figures"]["registers"]["AGENT_HB_ECHO"] == 0, "a probe that only reads has written"
    assert said["figures"]["read_ms"]["n"] > 10
    assert said["figures"]["scan_ms"]["n"] > 5
    wanted = {"connection", "FC03", "map", "epoch", "heartbeat", "clock", "scan", "round trip", "decision point"}
    assert wanted <= set(found)
    assert not [finding for finding in found.values() if finding.level is Level.WRONG]


def test_the_write_test_finds_fc16_fc23_and_the_echo(plcs: Plcs) -> None:
    found = probed(plcs.port[""], write_test=True)
    assert "STATUS = 0" in found["FC16"].seen
    assert "supported" in found["FC23"].seen
    assert found["echo"].level is Level.RIGHT


@pytest.mark.parametrize(
    ("mistake", "subject", "seen"),
    [
        ("offset", "map", "HR2 instead of HR0: addresses are off by +2"),
        ("swapped", "map", "bytes swapped"),
        ("short", "FC03", "exception 2: illegal address: HR0..99 can be read, HR100 cannot"),
        ("standing", "heartbeat", "PLC_HB stands at 7"),
        ("standing", "clock", "it counts 10 ms"),
    ],
)
def test_a_mistake_is_named(plcs: Plcs, mistake: str, subject: str, seen: str) -> None:
    finding = probed(plcs.port[mistake])[subject]
    assert finding.level is Level.WRONG
    assert seen in finding.seen
    assert finding.remedy


def test_nobody_there_and_bad_arguments_are_one_line(linegate: Linegate) -> None:
    with pytest.raises(Fault, match="refused: the device is there, but no Modbus server listens"):
        connect_ms("127.0.0.1", free_port())
    with pytest.raises(Fault, match="no such host name"):
        connect_ms("no host.invalid", 502)
    result = linegate("plc", "probe", "127.0.0.1", "--config", "config/line.toml")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    assert "give either" in result.stderr


async def probed_there(answer: bytes | None) -> Finding:
    """What is found about a TCP server that answers this to everything; None: it says nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            if answer is not None:
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port := free_port())
    found = await probe(PlcConfig(host="127.0.0.1", port=port), 0.3, write_test=False)
    server.close()
    return found.findings[-1]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", None])
def test_what_listens_and_speaks_no_modbus_is_told_apart(answer: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.plc.commissioning.probe.PATIENCE_MS", 100)
    finding = asyncio.run(probed_there(answer))
    assert "something listens but it speaks no Modbus" in finding.seen
    assert "is --port right?" in finding.remedy


def test_what_was_seen_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_probed(Probed("[fe80::1]:502", [wrong("answers", "[Errno 111] refused [/x]", "start it")]))
    where, seen, remedy, _ = capsys.readouterr().out.splitlines()
    assert where == "[fe80::1]:502"
    assert (seen.rstrip(), remedy.strip()) == ("✗  answers  [Errno 111] refused [/x]", "→ start it")


def test_where_the_station_itself_listens_it_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as station:
        port = station.getsockname()[1]
        with pytest.raises(
            Fault, match=f"the station is running: stop it, .* linegate plc probe 127.0.0.1 --port {port}"
        ):
            asyncio.run(probe(PlcConfig(role="server", host="127.0.0.1", port=port), 0.3, write_test=False))


def samples(**registers: list[int]) -> list[Sample]:
    """Reads 10 ms apart of a PLC that is right but for what is given, one value a read."""
    taken = []
    for i in range(len(next(iter(registers.values())))):
        words = [0] * PLC_BLOCK.count
        right = {"MAP_ID": MAP_ID, "PLC_EPOCH": 3, "PLC_HB": i, "PLC_MS": 10 * i, "DECIDE_MS": 400}
        for name, value in (right | {name: values[i] for name, values in registers.items()}).items():
            PLC_BLOCK.put(words, name, value)
        taken.append(Sample(words, i * 10_000_000, i * 10_000_000 + 1_000_000))
    return taken


@pytest.mark.parametrize(
    ("registers", "subject", "level", "seen"),
    [
        ({"PLC_HB": [0xFFFE, 0xFFFF, 0, 1]}, "heartbeat", Level.RIGHT, "+"),
        ({"PLC_HB": [9, 8, 7, 6]}, "heartbeat", Level.WRONG, "backwards"),
        ({"PLC_MS": [65530, 4, 14, 24]}, "clock", Level.RIGHT, "1.0"),
        ({"PLC_MS": [0, 10000, 20000, 30000]}, "clock", Level.WRONG, "counts µs"),
        ({"PLC_EPOCH": [1, 2, 3, 4]}, "epoch", Level.WRONG, "from 1 to 4"),
        ({"PLC_EPOCH": [0] * 4}, "epoch", Level.WRONG, "is 0"),
        ({"TRIG_TAIL": [1, 0, 0, 0]}, "head and tail", Level.RIGHT, "1 of 4"),
        ({"TRIG_TAIL": [1] * 4}, "head and tail", Level.WRONG, "in all 4 reads"),
        ({"ENC_NOW": [k << 16 for k in range(4)]}, "word order", Level.WRONG, "high word changes"),
        ({"DECIDE_MS": [0] * 4}, "decision point", Level.WRONG, "are 0"),
        ({"DECIDE_MS": [60] * 4}, "decision point", Level.WRONG, "-10 ms"),
        ({"DECIDE_COUNTS": [500] * 4, "ENC_HZ": [1000] * 4}, "decision point", Level.RIGHT, "= 500 ms"),
        ({"CTRL": [0x1000] * 4}, "orders", Level.DOUBTFUL, "0x1000"),
        ({"TRIG_HEAD": [5] * 4, "TRIG_TAIL": [5] * 4}, "triggers", Level.WRONG, "not in slot 5"),
    ],
)
def test_reads_say_what_is_wrong(registers: dict[str, list[int]], subject: str, level: Level, seen: str) -> None:
    finding = next(f for f in check_program(samples(**registers), LIMITS) if f.subject == subject)
    assert finding.level is level, finding
    assert seen in finding.seen
