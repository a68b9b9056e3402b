"""A Modbus client that believes nothing unverified.

pymodbus takes a wrong function code, too few registers or a write echo of another address as success, and
re-sends timed-out writes (handbook: domain.md §3); here every answer is checked and retries are the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import ReadDiscreteInputsResponse, WriteMultipleCoilsResponse, WriteSingleCoilResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersResponse,
)

from agent.plc.wires.endpoint import Endpoint

CONNECT_LIMIT = 5
"""An endpoint may take so many time-outs to be opened, or to fall silent."""


class LinkError(Exception):
    """This exchange with the PLC failed; the connection must not be used further."""


class Refused(LinkError):
    """The PLC has answered with a Modbus exception."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ModbusConnection:
    """One connection; `async with` opens and closes it. Raises LinkError for anything but a right answer."""

    def __init__(self, endpoint: Endpoint, device_id: int, timeout_ms: float) -> None:
        self._endpoint, self._name = endpoint, endpoint.name
        self._device_id = device_id
        self._timeout_s = timeout_ms / 1000
        self._heard = 0
        self._calling = False
        self._client = endpoint.make(self._timeout_s, self._hear)
        self._client.ctx.trace_connect = self._on_connection

    async def __aenter__(self) -> ModbusConnection:
        if obstacle := self._endpoint.obstacle():
            raise LinkError(f"{self._name}: {obstacle}")
        try:
            connected = await asyncio.wait_for(self._client.connect(), self._timeout_s * CONNECT_LIMIT)
        except (OSError, TimeoutError, ModbusException):
            connected = False
        if not connected:
            self._client.close()
            raise LinkError(f"{self._name}: connection refused or unreachable")
        if not self._endpoint.tagged:
            await self._outwait_late_answers()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def _on_connection(self, made: bool) -> None:
        """When it breaks, wake the call under way: pymodbus would let it wait for its time-out."""
        answer = self._client.ctx.response_future
        if self._calling and not made and not answer.done():
            answer.set_exception(ConnectionException("it broke"))

    def _hear(self, sending: bool, data: bytes) -> bytes:
        self._heard += not sending
        return data

    async def _outwait_late_answers(self) -> None:
        """RTU answers carry no id: one to a request of the last connection must not be taken for the next one's."""
        for _ in range(CONNECT_LIMIT):
            heard = self._heard
            await asyncio.sleep(self._timeout_s)
            if self._heard == heard:
                return
        self._client.close()
        raise LinkError(f"{self._name}: the line never falls silent: is there a second master on it?")

    async def read(self, address: int, count: int) -> list[int]:
        """FC03: exactly `count` registers, or LinkError."""
        answer = await self._call(
            lambda: self._client.read_holding_registers(address, count=count, device_id=self._device_id), "read"
        )
        if type(answer) is not ReadHoldingRegistersResponse or len(answer.registers) != count:
            raise LinkError(f"{self._name}: asked for {count} registers at {address}, got {_shape(answer)}")
        return list(answer.registers)

    async def write(self, address: int, values: list[int]) -> None:
        """FC16: the echo must name this address and count, or LinkError."""
        answer = await self._call(
            lambda: self._client.write_registers(address, values, device_id=self._device_id), "write"
        )
        right = type(answer) is WriteMultipleRegistersResponse
        if not right or (answer.address, answer.count) != (address, len(values)):
            raise LinkError(f"{self._name}: wrote {len(values)} registers at {address}, echo was {_shape(answer)}")

    async def write_read(self, write_address: int, values: list[int], read_address: int, count: int) -> list[int]:
        """FC23, the write first: exactly `count` registers, or LinkError. Its answer echoes nothing of the write."""
        answer = await self._call(
            lambda: self._client.readwrite_registers(
                read_address=read_address, read_count=count, write_address=write_address, values=values,
                device_id=self._device_id,
            ),
            "write and read",
        )  # fmt: skip
        if type(answer) is not ReadWriteMultipleRegistersResponse or len(answer.registers) != count:
            raise LinkError(f"{self._name}: asked for {count} registers at {read_address}, got {_shape(answer)}")
        return list(answer.registers)

    async def read_inputs(self, address: int, count: int) -> list[bool]:
        """FC02: exactly `count` discrete inputs, or LinkError; an answer is filled up to whole bytes."""
        answer = await self._call(
            lambda: self._client.read_discrete_inputs(address, count=count, device_id=self._device_id), "read"
        )
        whole_bytes = (count + 7) // 8 * 8
        if type(answer) is not ReadDiscreteInputsResponse or len(answer.bits) != whole_bytes:
            raise LinkError(f"{self._name}: asked for {count} inputs at {address}, got {_shape(answer)}")
        return list(answer.bits[:count])

    async def write_coil(self, address: int, on: bool) -> None:
        """FC05: the echo must name this coil and this state, or LinkError."""
        answer = await self._call(lambda: self._client.write_coil(address, on, device_id=self._device_id), "write")
        if type(answer) is not WriteSingleCoilResponse or (answer.address, list(answer.bits[:1])) != (address, [on]):
            raise LinkError(f"{self._name}: wrote coil {address}, echo was {_shape(answer)}")

    async def write_coils(self, address: int, states: list[bool]) -> None:
        """FC15: the echo must name this address and count, or LinkError."""
        answer = await self._call(lambda: self._client.write_coils(address, states, device_id=self._device_id), "write")
        right = type(answer) is WriteMultipleCoilsResponse
        if not right or (answer.address, answer.count) != (address, len(states)):
            raise LinkError(f"{self._name}: wrote {len(states)} coils at {address}, echo was {_shape(answer)}")

    async def _call(self, request: Callable[[], Awaitable[ModbusPDU]], what: str) -> ModbusPDU:
        """pymodbus raises at the call itself, not only when awaited, if the connection has gone meanwhile."""
        self._calling = True
        try:
            answer = await request()
        except ConnectionException as error:
            raise LinkError(f"{self._name}: the connection broke at a {what}") from error
        except (ModbusException, OSError) as error:
            raise LinkError(f"{self._name}: no answer to a {what} within {self._timeout_s * 1000:.0f} ms") from error
        finally:
            self._calling = False
        if answer.isError():
            code = answer.exception_code
            raise Refused(f"{self._name}: {what} refused, Modbus exception {code}", code)
        return answer


def _shape(answer: ModbusPDU) -> str:
    return f"{type(answer).__name__}(address={answer.address}, count={answer.count}, {len(answer.registers)} registers)"
