"""The server's role at the wire: what peers may touch, whom to believe, how old a block is, and what the PLC has."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ConfigError, Fault
from agent.local_line import free_port
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.wires.endpoint import tcp_endpoint
from agent.plc.wires.modbus import LinkError, ModbusConnection, Refused
from agent.plc.wires.served import MEMORY_BEATS, ServedImages
from agent.plc.wires.serving import HEADER_WORDS, UNKNOWN_ECHO, ServingWire
from tests.plc.recording_link import RecordingLink, block, until

Use = Callable[[RecordingLink, int], Awaitable[None]]
ADDRESS, BUSY = 2, 6


def serve(use: Use) -> RecordingLink:
    """Run `use` with the link and the port of a server; it must end in good order afterwards."""

    async def run() -> RecordingLink:
        link, port = RecordingLink(), free_port()
        serving = asyncio.create_task(ServingWire("127.0.0.1", port).exchange_forever(link))
        await use(link, port)
        link.stop()
        await asyncio.wait_for(serving, 5)
        return link

    return asyncio.run(run())


def plc(port: int) -> ModbusConnection:
    return ModbusConnection(tcp_endpoint("127.0.0.1", port), 1, 2000)


async def read_image(connection: ModbusConnection) -> list[int]:
    return await connection.read(AGENT_BLOCK.base, AGENT_BLOCK.count)


async def refused(call: Awaitable[object]) -> int:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value.code


# --- how old a block is, and what the PLC has -----------------------------------------------------------------------


def test_a_block_is_as_old_as_the_first_image_with_the_beat_it_echoes() -> None:
    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as connection:
            before_ns = time.monotonic_ns()
            await read_image(connection)
            between_ns = time.monotonic_ns()
            await read_image(connection)
            written_ns = time.monotonic_ns()
            await connection.write(PLC_BLOCK.base, block(echo=1, plc_ms=7))
            (words, sent_ns, received_ns), = link.digested  # fmt: skip
            assert words == block(echo=1, plc_ms=7)
            assert before_ns <= sent_ns <= between_ns, "younger than what it echoes"
            assert written_ns <= received_ns <= time.monotonic_ns()

    serve(use)


def test_an_image_is_acknowledged_by_the_echo_of_its_beat_and_by_nothing_else() -> None:
    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as connection:
            link.verdict = 1
            await read_image(connection)
            await read_image(connection)
            link.verdict = 2
            await read_image(connection)
            assert not link.confirmed, "sending is no proof"
            await connection.write(PLC_BLOCK.base, block(echo=2))
            (image, at_ns), = link.confirmed  # fmt: skip
            assert AGENT_BLOCK.get(image, "LATE_CNT") == 1, "the PLC has not shown that it knows the newest image"
            assert at_ns == link.digested[0][2]

    serve(use)


@pytest.mark.parametrize("echo", [0, 3, 500])
def test_a_block_with_the_echo_of_a_beat_never_given_is_not_used(echo: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of one that only went out in part: the PLC could have it from two images."""

    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as connection:
            await read_image(connection)
            await read_image(connection)
            await connection.read(AGENT_BLOCK.base, AGENT_BLOCK.count - 1)
            for _ in range(2):
                await connection.write(PLC_BLOCK.base, block(echo))
            assert not link.digested
            assert not link.confirmed
            assert UNKNOWN_ECHO in link.reports

    monkeypatch.setattr("agent.plc.wires.serving.SILENT_S", 0.0)
    serve(use)


@pytest.mark.parametrize("echoes", [[4711], [0, 0, 0]])
def test_a_plc_that_has_read_nothing_yet_is_not_complained_of(echoes: list[int]) -> None:
    """It writes before it reads: what it echoes is of our last life, or 0."""

    async def use(link: RecordingLink, port: int) -> None:
        for _ in range(2):
            async with plc(port) as connection:
                for echo in echoes:
                    await connection.write(PLC_BLOCK.base, block(echo))
                assert not link.digested
                assert UNKNOWN_ECHO not in link.reports

    serve(use)


def test_old_beats_are_forgotten_before_the_counter_comes_round_to_them() -> None:
    served = ServedImages()
    for beat in [*range(1, 10), *range(10, 10 + MEMORY_BEATS)]:
        words = [0] * AGENT_BLOCK.count
        AGENT_BLOCK.put(words, "AGENT_HB", beat)
        served.add(words, beat * 100)
        served.add(words, beat * 100 + 50)  # the heartbeat stands
    assert served.of(9) is None
    assert served.of(10 + MEMORY_BEATS - 1).first_ns == (10 + MEMORY_BEATS - 1) * 100
    assert served.of(10).first_ns == 1000


def test_zero_is_no_beat_although_the_counter_comes_through_it() -> None:
    served = ServedImages()
    served.add([0] * AGENT_BLOCK.count, 100)
    assert served.of(0) is None, "a PLC that has read nothing yet echoes 0"


def test_the_link_is_ticked_while_nobody_comes() -> None:
    async def use(link: RecordingLink, _: int) -> None:
        await until(lambda: link.ticks > 5)

    serve(use)


def test_the_plc_gets_the_last_image_before_the_server_goes() -> None:
    async def use(link: RecordingLink, port: int) -> None:
        async def poll() -> None:
            async with plc(port) as connection:
                while True:
                    images.append(await read_image(connection))
                    await connection.write(PLC_BLOCK.base, block(AGENT_BLOCK.get(images[-1], "AGENT_HB")))

        images: list[list[int]] = []
        polling = asyncio.create_task(poll())
        await until(lambda: len(images) > 2)
        link.stop()
        with suppress(LinkError):
            await polling
        assert AGENT_BLOCK.get(images[-1], "STATUS") == 0, "the PLC was not told"

    serve(use)


# --- what may be touched, and by whom -------------------------------------------------------------------------------


def test_any_part_of_both_blocks_can_be_read_and_nothing_else() -> None:
    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as connection:
            await read_image(connection)
            await connection.write(PLC_BLOCK.base, block(echo=1, head=77))
            assert (await connection.read(PLC_BLOCK.base + 1, 1)) == [77]
            assert (await connection.read(AGENT_BLOCK.base + 3, 1)) == [2], "a part of an image is fresh too"
            for address, count in ((PLC_BLOCK.count - 1, 2), (150, 1), (AGENT_BLOCK.base - 1, 2), (65_535, 1)):
                assert await refused(connection.read(address, count)) == ADDRESS
            assert await refused(connection.read(AGENT_BLOCK.base + AGENT_BLOCK.count - 1, 2)) == ADDRESS

    serve(use)


@pytest.mark.parametrize(
    ("address", "count"), [(AGENT_BLOCK.base, 1), (AGENT_BLOCK.base - 1, 2), (PLC_BLOCK.count - 1, 2), (3, 1), (0, 3)]
)
def test_a_write_where_none_belongs_is_refused_and_reported_once(address: int, count: int) -> None:
    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as connection:
            for _ in range(3):
                assert await refused(connection.write(address, [1] * count)) == ADDRESS
            assert await connection.read(PLC_BLOCK.base, PLC_BLOCK.count) == [0] * PLC_BLOCK.count
            assert sum("writes" in report for report in link.reports) == 1

    serve(use)


def test_a_block_in_pieces_counts_when_its_last_register_has_come() -> None:
    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as connection:
            await read_image(connection)
            words = block(echo=1)
            await connection.write(PLC_BLOCK.base, words[:HEADER_WORDS])
            await connection.write(PLC_BLOCK.base + HEADER_WORDS, words[HEADER_WORDS:60])
            assert not link.digested
            await connection.write(PLC_BLOCK.base + 60, words[60:])
            assert [words] == [digested[0] for digested in link.digested]

    serve(use)


def test_the_newest_connection_that_writes_is_believed_until_it_goes() -> None:
    """A PLC that comes back is not locked out by its half-open predecessor, whose words count no more."""

    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as old, plc(port) as reader:
            await read_image(old)
            await old.write(PLC_BLOCK.base, block(1, plc_ms=10))
            async with plc(port) as new:
                await read_image(new)
                await old.write(PLC_BLOCK.base, block(1, plc_ms=20))  # the new one has not written yet
                await new.write(PLC_BLOCK.base, block(2, plc_ms=30))
                assert await refused(old.write(PLC_BLOCK.base, block(1, plc_ms=40))) == BUSY
                assert await refused(reader.write(PLC_BLOCK.base, block(1, plc_ms=50))) == BUSY
                assert await read_image(reader), "reading is for everybody"
            await until(lambda: "closed" in link.reports[-1])
            await old.write(PLC_BLOCK.base, block(3, plc_ms=60))
        seen = [PLC_BLOCK.get(words, "PLC_MS") for words, *_ in link.digested]
        assert seen == [10, 20, 30, 60]

    serve(use)


def test_a_new_writer_completes_nothing_that_another_began() -> None:
    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as old, plc(port) as new:
            await read_image(old)
            await old.write(PLC_BLOCK.base, block(1)[:60])
            await new.write(PLC_BLOCK.base + 60, block(1)[60:])
            assert not link.digested

    serve(use)


# --- the protocol ----------------------------------------------------------------------------------------------------


def frame(transaction: int, pdu: bytes, unit: int = 255) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


async def answer(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    transaction, _, length, unit = struct.unpack(">HHHB", await asyncio.wait_for(reader.readexactly(7), 5))
    return transaction, unit, await reader.readexactly(length - 1)


def test_requests_in_one_segment_are_answered_one_by_one_in_order() -> None:
    async def use(_: RecordingLink, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        heartbeat = struct.pack(">BHH", 3, AGENT_BLOCK.base + 3, 1)
        writer.write(frame(7, heartbeat) + frame(9, heartbeat, unit=1) + frame(8, bytes([43, 14, 1, 0]))[:9])
        writer.write(frame(8, bytes([43, 14, 1, 0]))[9:])  # and one in two segments
        assert await answer(reader) == (7, 255, bytes([3, 2, 0, 1]))
        assert await answer(reader) == (9, 1, bytes([3, 2, 0, 2]))
        assert await answer(reader) == (8, 255, bytes([43 | 0x80, 1]))
        writer.close()

    serve(use)


@pytest.mark.parametrize(
    "pdu",
    [
        struct.pack(">BHHBHHH", 16, 0, 2, 4, 1, 2, 3),
        struct.pack(">BHHBHH", 16, 0, 2, 2, 1, 2),
        struct.pack(">BHHBH", 16, 0, 2, 2, 1),
        struct.pack(">BHHB", 16, 0, 0, 0),
        struct.pack(">BHHB", 3, 200, 1, 0),
        struct.pack(">BHH", 3, 200, 0),
        struct.pack(">BHHHHBH", 23, 200, 1, 0, 2, 2, 1),
        struct.pack(">BHHHHB", 23, 200, 1, 0, 0, 0),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(pdu: bytes) -> None:
    async def use(_: RecordingLink, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame(1, pdu))
        assert (await answer(reader))[2] == bytes([pdu[0] | 0x80, 3])
        writer.close()

    serve(use)


def test_fc23_writes_before_it_reads() -> None:
    async def use(link: RecordingLink, port: int) -> None:
        async with plc(port) as connection:
            await read_image(connection)
            words = await connection.write_read(PLC_BLOCK.base, block(1), AGENT_BLOCK.base, AGENT_BLOCK.count)
            assert AGENT_BLOCK.get(words, "AGENT_HB") == 2
            assert len(link.digested) == 1
            await connection.write_read(PLC_BLOCK.base, block(2), AGENT_BLOCK.base, AGENT_BLOCK.count)
            assert [AGENT_BLOCK.get(image, "AGENT_HB") for image, _ in link.confirmed] == [1, 2]

    serve(use)


FAIR = st.tuples(st.sampled_from([b"\x03", b"\x10", b"\x17"]), st.binary(max_size=40)).map(b"".join)


@settings(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=253) | FAIR, min_size=40, max_size=60))
def test_no_request_upsets_the_server_or_gets_into_the_block(requests: list[bytes]) -> None:
    async def use(link: RecordingLink, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, pdu in enumerate(requests):
            writer.write(frame(number, pdu))
            transaction, _, reply = await answer(reader)
            assert transaction == number
            assert reply[0] & 0x7F == pdu[0] & 0x7F
        writer.close()
        assert not link.digested

    serve(use)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\0\1\0\0\0\1\1", b"\0\1\0\0\xff\xff\1", b"\0"])
def test_who_does_not_speak_modbus_is_hung_up_on(garbage: bytes) -> None:
    async def use(_: RecordingLink, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(garbage)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

    serve(use)


# --- addresses --------------------------------------------------------------------------------------------------------


def test_an_address_that_cannot_be_had_is_one_line_with_the_remedy() -> None:
    with pytest.raises(Fault, match="no interface of this computer has the address"):
        ServingWire("192.0.2.1", 1502)

    async def use(_: RecordingLink, port: int) -> None:
        with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port}: address in use"):
            ServingWire("127.0.0.1", port)

    serve(use)
