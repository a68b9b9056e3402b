"""Coils at the wire: FC05 with its echo verified, changes at once, each once; all of them on a new connection."""

from __future__ import annotations

import math
import struct

import pytest

from agent.plc.wires import coil_output
from agent.plc.wires.coil_output import CoilOutput
from agent.plc.wires.modbus import LinkError, ModbusConnection
from tests.agent.test_modbus import exchange

WRITE_COIL, ON, OFF = 5, 0xFF00, 0x0000


class ArmedLink:
    """The part of the link that a coil output knows: wants these coils, notes what is confirmed."""

    def __init__(self) -> None:
        self.wanted: dict[int, bool] = {}
        self.confirmed: list[tuple[int, bool]] = []

    def coils(self) -> tuple[dict[int, bool], float]:
        return dict(self.wanted), math.inf

    def coil_written(self, coil: int, on: bool, now_ns: int) -> None:
        self.confirmed.append((coil, on))


@pytest.mark.parametrize(
    "reply",
    [
        struct.pack(">BHH", WRITE_COIL, 8, ON),
        struct.pack(">BHH", WRITE_COIL, 7, OFF),
        struct.pack(">BHH", 6, 7, ON),
        struct.pack(">BHH", 15, 7, 1),
        bytes([WRITE_COIL | 0x80, 2]),
        b"",
        None,
    ],
    ids=["another coil", "the other state", "FC06", "FC15", "refused", "silence", "closed"],
)
def test_a_wrong_echo_confirms_nothing(reply: bytes | None) -> None:
    link = ArmedLink()
    link.wanted = {7: True}

    async def drive(connection: ModbusConnection) -> None:
        with pytest.raises(LinkError):
            await CoilOutput(connection, link).drive()

    exchange(lambda request: reply, drive)
    assert link.confirmed == []


def test_each_change_is_written_once_and_the_rest_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    link, requests = ArmedLink(), []

    def echo(request: bytes) -> bytes:
        requests.append(struct.unpack(">BHH", request))
        return request

    async def drive(connection: ModbusConnection) -> None:
        output = CoilOutput(connection, link)
        monkeypatch.setattr(coil_output, "REFRESH_S", math.inf)
        for wanted in ({3: False, 9: True}, {3: True, 9: True}, {3: True, 9: True}):
            link.wanted = wanted
            await output.drive()
        assert requests == [(WRITE_COIL, 3, OFF), (WRITE_COIL, 9, ON), (WRITE_COIL, 3, ON)]
        monkeypatch.setattr(coil_output, "REFRESH_S", 0.0)
        for _ in range(4):
            await output.drive()
        assert [address for _, address, _ in requests[3:]] == [9, 3, 9, 3], "in turn, one at a time"
        requests.clear()
        await CoilOutput(connection, link).drive()
        assert requests == [(WRITE_COIL, 3, ON), (WRITE_COIL, 9, ON)], "a new connection knows of none"

    exchange(echo, drive)
    assert link.confirmed[:3] == [(3, False), (9, True), (3, True)]
