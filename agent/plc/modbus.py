"""A Modbus TCP client that believes nothing unverified.

pymodbus takes a wrong function code, too few registers or a write echo of another address as success, and
re-sends timed-out writes (handbook: domain.md §3); here every answer is checked and retries are the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersResponse,
)


class LinkError(Exception):
    """This exchange with the PLC failed; the connection must not be used further."""


class Refused(LinkError):
    """The PLC has answered with a Modbus exception."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ModbusConnection:
    """One TCP connection; `async with` opens and closes it. Raises LinkError for anything but a right answer."""

    def __init__(self, host: str, port: int, device_id: int, timeout_ms: float) -> None:
        self._where = f"{host}:{port}"
        self._device_id = device_id
        self._timeout_s = timeout_ms / 1000
        # reconnect_delay=0: reconnecting is ours, a client of the last outage must not come back by itself
        self._client = AsyncModbusTcpClient(
            host, port=port, timeout=self._timeout_s, retries=0, reconnect_delay=0, name="linegate"
        )

    async def __aenter__(self) -> ModbusConnection:
        try:
            connected = await asyncio.wait_for(self._client.connect(), self._timeout_s * 5)
        except (OSError, TimeoutError, ModbusException) as error:
            self._client.close()
            raise LinkError(f"PLC {self._where}: no connection ({error or type(error).__name__})") from error
        if not connected:
            self._client.close()
            raise LinkError(f"PLC {self._where}: connection refused or unreachable")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    async def read(self, address: int, count: int) -> list[int]:
        """FC03: exactly `count` registers, or LinkError."""
        answer = await self._call(
            lambda: self._client.read_holding_registers(address, count=count, device_id=self._device_id), "read"
        )
        if type(answer) is not ReadHoldingRegistersResponse or len(answer.registers) != count:
            raise LinkError(f"PLC {self._where}: asked for {count} registers at {address}, got {_shape(answer)}")
        return list(answer.registers)

    async def write(self, address: int, values: list[int]) -> None:
        """FC16: the echo must name this address and count, or LinkError."""
        answer = await self._call(
            lambda: self._client.write_registers(address, values, device_id=self._device_id), "write"
        )
        right = type(answer) is WriteMultipleRegistersResponse
        if not right or (answer.address, answer.count) != (address, len(values)):
            raise LinkError(f"PLC {self._where}: wrote {len(values)} registers at {address}, echo was {_shape(answer)}")

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
            raise LinkError(f"PLC {self._where}: asked for {count} registers at {read_address}, got {_shape(answer)}")
        return list(answer.registers)

    async def _call(self, request: Callable[[], Awaitable[ModbusPDU]], what: str) -> ModbusPDU:
        """pymodbus raises at the call itself, not only when awaited, if the connection has gone meanwhile."""
        try:
            answer = await request()
        except (ModbusException, OSError) as error:
            raise LinkError(
                f"PLC {self._where}: no answer to a {what} within {self._timeout_s * 1000:.0f} ms"
            ) from error
        if answer.isError():
            code = answer.exception_code
            raise Refused(f"PLC {self._where}: {what} refused, Modbus exception {code}", code)
        return answer


def _shape(answer: ModbusPDU) -> str:
    return f"{type(answer).__name__}(address={answer.address}, count={answer.count}, {len(answer.registers)} registers)"
