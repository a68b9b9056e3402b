"""The simulator as a process, its menu at hand, its truth log as it grows; and an agent that judges by a script."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from agent.inspection import Reason, Verdict
from agent.local_line import free_port
from agent.plc.decision import Decision, Timing
from agent.plc.handshake import Handshake
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, Status
from tests.conftest import ROOT
from tests.waiting import wait_until

READY = Status.ONLINE | Status.READY
Record = dict[str, Any]


class Simulator:
    """`linegate plc sim` with these options, and small parts; leaving it ends it."""

    def __init__(self, folder: Path, *options: object) -> None:
        self.port = free_port()
        self._truth, self._log = folder / "truth.jsonl", folder / "simulator.log"
        own = ["--port", self.port, "--camera", f"tcp://127.0.0.1:{free_port()}", "--truth-log", self._truth]
        command = [sys.executable, "-m", "agent", "plc", "sim", *map(str, [*own, *options])]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, cwd=ROOT)
        self.client = ModbusTcpClient("127.0.0.1", port=self.port, timeout=1.0, retries=0)

    def __enter__(self) -> Simulator:
        self.wait("type 'help'")
        self.reconnect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.process.kill()
        self.process.communicate()

    def type(self, line: str) -> None:
        """A line on its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def said(self) -> str:
        """Everything it has printed and logged."""
        return self._log.read_text()

    def wait(self, text: str, times: int = 1) -> None:
        """Until it has said `text`."""
        wait_until(lambda: self.said().count(text) >= times, text, self.said)

    def truth(self) -> list[Record]:
        """The truth log so far."""
        lines = self._truth.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for_record(self, matches: Callable[[Record], bool], since: int = 0) -> Record:
        """The first record from `since` on that matches, once it is there."""
        found: list[Record] = []

        def there() -> bool:
            found[:] = [record for record in self.truth()[since:] if matches(record)]
            return bool(found)

        wait_until(there, "a record of the truth log", lambda: str(self.truth()[since:][-20:]))
        return found[0]

    def reconnect(self) -> None:
        """After a fault that breaks connections."""
        self.client.close()
        wait_until(self.client.connect, "a connection")

    def words(self) -> list[int]:
        """The PLC's block, read as a station reads it."""
        return list(self.client.read_holding_registers(PLC_BLOCK.base, count=PLC_BLOCK.count).registers)

    def get(self, name: str) -> int:
        """A register of the PLC's block."""
        return PLC_BLOCK.get(self.words(), name)

    def wait_for_word(self, name: str, is_right: Callable[[int], bool]) -> None:
        """Until that register is right."""
        wait_until(lambda: is_right(self.get(name)), name, lambda: f"{name} = {self.get(name)}")

    def raw_socket(self, timeout_s: float = 0.15) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)


class ScriptedAgent:
    """The real handshake on a real socket; says PASS of every part, REJECT of those in `rejects`, at once."""

    def __init__(self, port: int) -> None:
        self.rejects: Callable[[int], bool] = lambda part_id: False
        self.status = READY
        self.torn = 0
        self.challenges: list[int] = []
        self.triggers: list[int] = []
        """Part numbers in the order of their triggers."""
        self._port, self._stop = port, threading.Event()
        self._handshake = Handshake(Timing(100, 5, 5), 1)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            client = ModbusTcpClient("127.0.0.1", port=self._port, timeout=0.3, retries=0)
            try:
                if client.connect():
                    self._exchange(client)
            except (ModbusException, OSError, AttributeError):
                pass  # a fault of the menu: connect again
            finally:
                client.close()
            time.sleep(0.02)

    def _exchange(self, client: ModbusTcpClient) -> None:
        while not self._stop.is_set():
            sent_ns = time.monotonic_ns()
            answer = client.read_holding_registers(PLC_BLOCK.base, count=PLC_BLOCK.count)
            if answer.isError() or len(answer.registers) != PLC_BLOCK.count:
                return
            self._digest(list(answer.registers), sent_ns)
            if client.write_registers(AGENT_BLOCK.base, self._handshake.block(self.status, True)).isError():
                return
            time.sleep(0.002)

    def _digest(self, words: list[int], sent_ns: int) -> None:
        seen = self._handshake.observe(words, sent_ns, time.monotonic_ns())
        self.torn += seen.torn
        for trigger in seen.triggers:
            self.triggers.append(trigger.part_id)
            self.challenges += [trigger.part_id] if trigger.challenge else []
            verdict = Verdict.REJECT if self.rejects(trigger.part_id) else Verdict.PASS
            settled = self._handshake.ledger.settle(Decision(trigger, verdict, Reason.OK, time.monotonic_ns()))
            if settled is not None:
                self._handshake.release(settled)
        for decision in (*seen.settled, *self._handshake.ledger.expire(time.monotonic_ns())):
            self._handshake.release(decision)
        self._handshake.ledger.close(time.monotonic_ns())
