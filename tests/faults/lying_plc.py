"""A PLC that lies: PlcProgram behind a raw Modbus TCP server of our own; a share of its answers is wrong on purpose.

`python -m tests.faults.lying_plc --port P --parts N --rate R …` takes the simulator's place: same arguments (what it
does not need it ignores), same truth log. No library between lie and wire. It lies while parts are under way.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, OutcomeCode
from agent.plc.sim.inputs import Edge
from agent.plc.sim.program import PlcProgram

READ, WRITE = 3, 16
OTHER_FUNCTIONS = (1, 2, 3, 4, 6, 15, 16, 23, 43)
SETTLE_S = 0.5
LIE_SHARE = 0.05
LATE_S = (0.03, 0.4)
Frame = tuple[int, int, bytes]
"""Transaction id, unit, PDU."""


def packed(frame: Frame, protocol: int = 0) -> bytes:
    """As it goes on the wire."""
    transaction, unit, pdu = frame
    return struct.pack(">HHHB", transaction & 0xFFFF, protocol, len(pdu) + 1, unit & 0xFF) + pdu


class LyingPlc:
    """Memory, program and belt; answers by `_answer`, which is where the lies are told."""

    def __init__(self, arguments: dict[str, str]) -> None:
        self._port, self._parts = int(arguments["--port"]), int(arguments["--parts"])
        self._pitch_s, self._scan_s = 1 / float(arguments["--rate"]), float(arguments["--scan-ms"]) / 1000
        self._program = PlcProgram(int(arguments["--epoch"]), int(arguments["--decide-ms"]), queue_size=self._parts)
        self._agent = [0] * AGENT_BLOCK.count
        self._truth = Path(arguments["--truth-log"]).open("w")  # noqa: SIM115 - open until the process ends
        self.chance = random.Random(int(arguments["--seed"]))
        self.memory: deque[list[int]] = deque(maxlen=60)
        """The PLC's block after each of the last scans, newest last."""
        self._announced = self._decided = self._lies = 0
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Until the process is ended."""
        await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        next_scan_s, started_s = time.monotonic(), 0.0
        while True:
            now_s = time.monotonic()
            if not started_s and self._program.agent_ready:
                started_s = now_s + SETTLE_S
            self._scan(now_s, started_s)
            next_scan_s = max(next_scan_s + self._scan_s, now_s)
            await asyncio.sleep(next_scan_s - time.monotonic())

    def _scan(self, now_s: float, started_s: float) -> None:
        edges = []
        while started_s and self._announced < self._parts and started_s + self._announced * self._pitch_s <= now_s:
            edge_s = started_s + self._announced * self._pitch_s
            self._announced += 1
            edges.append(Edge(self._announced, int(edge_s * 1000)))
        for part in self._program.scan(int(now_s * 1000), edges, list(self._agent)):
            self._decided += 1
            passed = part.outcome is OutcomeCode.PASSED
            record = {
                "at_s": now_s, "seq": part.seq, "part_id": part.part_id, "outcome": part.outcome.name.lower(),
                "arm": "let_pass" if passed else "rejected", "lies": self._lies,
            }  # fmt: skip
            print(json.dumps(record), file=self._truth, flush=True)
        self.memory.append(list(self._program.words))

    # --- the wire ---------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            while not writer.is_closing():
                transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                request = await reader.readexactly(length - 1)
                data = self._answer((transaction, unit, request))
                if data is None:
                    break
                writer.write(data)
        except (asyncio.IncompleteReadError, OSError):
            pass
        writer.close()

    def _answer(self, request: Frame) -> bytes | None:
        """None: the connection is closed instead."""
        transaction, unit, pdu = request
        belt_is_full = self._announced and self._decided < self._parts
        if not belt_is_full or self.chance.random() > LIE_SHARE:
            return packed((transaction, unit, self._execute(pdu)))
        self._lies += 1
        name, lie = self.chance.choice(LIES)
        if name == "only says it has":
            return packed((transaction, unit, struct.pack(">BHH", WRITE, *struct.unpack(">HH", pdu[1:5]))))
        return lie(self, (transaction, unit, self._execute(pdu)))

    def _execute(self, pdu: bytes) -> bytes:
        function, address, count = struct.unpack(">BHH", pdu[:5])
        if function == READ and address == PLC_BLOCK.base:
            return self.block(self.memory[-1], count)
        if function == READ:
            return self.block(self._agent, count)
        self._agent = list(struct.unpack(f">{count}H", pdu[6:]))
        return struct.pack(">BHH", WRITE, address, count)

    @staticmethod
    def block(words: list[int], count: int) -> bytes:
        """The PDU that answers a read."""
        return struct.pack(f">BB{count}H", READ, 2 * count, *words[:count])

    def send_late(self, data: bytes) -> None:
        """On whatever connection there is by then."""
        loop = asyncio.get_running_loop()
        loop.call_later(self.chance.uniform(*LATE_S), lambda: self._writer and self._writer.write(data))


# --- the lies: each makes of the right answer what goes on the wire --------------------------------------------------


def _late(plc: LyingPlc, right: Frame) -> bytes:
    plc.send_late(packed(right))
    return b""


def _reordered_memory(plc: LyingPlc, right: Frame, mixed: bool) -> bytes:
    """A block as it was some scans ago, or half of it; its transaction id is fresh, its form without fault."""
    transaction, unit, pdu = right
    if pdu[0] != READ:
        return packed(right)
    new, old = plc.memory[-1], plc.chance.choice(list(plc.memory))
    cut = plc.chance.randrange(1, PLC_BLOCK.count) if mixed else 0
    words = new[:cut] + old[cut:] if plc.chance.random() < 0.5 or not mixed else old[:cut] + new[cut:]
    return packed((transaction, unit, plc.block(words, PLC_BLOCK.count)))


def _resized(plc: LyingPlc, right: Frame) -> bytes:
    """Fewer or more registers than asked for, by a byte count that is honest about it."""
    transaction, unit, pdu = right
    if pdu[0] != READ:
        return packed((transaction, unit, pdu[:3]))
    count = plc.chance.choice([0, 1, PLC_BLOCK.count - 1, PLC_BLOCK.count + 1, 125])
    return packed((transaction, unit, plc.block((plc.memory[-1] * 2)[:count], count)))


def _with_pdu(change: Callable[[LyingPlc, bytes], bytes]) -> Callable[[LyingPlc, Frame], bytes]:
    return lambda plc, right: packed((right[0], right[1], change(plc, right[2])))


def _wrong_echo(plc: LyingPlc, pdu: bytes) -> bytes:
    """Of a write to another place or of another length; a read's data are left alone."""
    at = plc.chance.randrange(1, min(len(pdu), 5)) if pdu[0] == WRITE else 1
    return pdu[:at] + bytes([pdu[at] ^ 1 << plc.chance.randrange(8)]) + pdu[at + 1 :]


LIES: list[tuple[str, Callable[[LyingPlc, Frame], bytes | None]]] = [
    ("late", _late),
    ("twice", lambda plc, right: packed(right) * 2),
    ("old", lambda plc, right: _reordered_memory(plc, right, mixed=False)),
    ("torn", lambda plc, right: _reordered_memory(plc, right, mixed=True)),
    ("resized", _resized),
    ("cut short", lambda plc, right: packed(right)[: plc.chance.randrange(1, 12)]),
    ("other function", _with_pdu(lambda plc, pdu: bytes([plc.chance.choice(OTHER_FUNCTIONS)]) + pdu[1:])),
    ("exception", _with_pdu(lambda plc, pdu: bytes([pdu[0] | 0x80, plc.chance.randrange(256)]))),
    ("other echo", _with_pdu(_wrong_echo)),
    ("other unit", lambda plc, right: packed((right[0], right[1] + 1, right[2]))),
    ("other transaction", lambda plc, right: packed((right[0] - plc.chance.randrange(1, 9), *right[1:]))),
    ("other protocol", lambda plc, right: packed(right, protocol=1)),
    ("noise", lambda plc, right: plc.chance.randbytes(plc.chance.randrange(1, 300))),
    ("silence", lambda plc, right: b""),
    ("closed", lambda plc, right: None),
    ("only says it has", lambda plc, right: packed(right)),
]  # fmt: skip
"""The last one is told by `_answer`: the echo of a write that was never done."""


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--blank"]
    asyncio.run(LyingPlc(dict(zip(words[::2], words[1::2], strict=True))).run())
