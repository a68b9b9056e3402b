"""Where a Modbus server is, and how a client for it is made: over TCP, or RTU on a serial device."""

from __future__ import annotations

import errno
import termios
from collections.abc import Callable
from dataclasses import dataclass

import serial  # type: ignore[import-untyped]
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient

from agent.plc.wires.serial_timing import SerialLine

Heard = Callable[[bool, bytes], bytes]
"""pymodbus' hook for every packet: (is it sent?, bytes) → bytes."""


@dataclass(frozen=True)
class Endpoint:
    """`make(timeout_s, heard)` gives a client that is not yet open, `obstacle` says why it cannot be, '' = it can.

    Both clients get retries=0 (re-sending is ours) and reconnect_delay=0 (so is reconnecting: a client of the
    last outage must not come back by itself).
    """

    name: str
    make: Callable[[float, Heard], ModbusBaseClient]
    obstacle: Callable[[], str]
    tagged: bool
    """Does a request carry an id that its answer repeats? If not, an answer that came late looks like the next."""


def tcp_endpoint(host: str, port: int, who: str = "PLC") -> Endpoint:
    """Modbus TCP."""

    def make(timeout_s: float, heard: Heard) -> ModbusBaseClient:
        return AsyncModbusTcpClient(
            host, port=port, timeout=timeout_s, retries=0, reconnect_delay=0, name="linegate", trace_packet=heard
        )

    return Endpoint(f"{who} {host}:{port}", make, lambda: "", tagged=True)


def rtu_endpoint(line: SerialLine) -> Endpoint:
    """Modbus RTU."""

    def make(timeout_s: float, heard: Heard) -> ModbusBaseClient:
        return AsyncModbusSerialClient(
            line.device, framer=FramerType.RTU, timeout=timeout_s, retries=0, reconnect_delay=0, name="linegate",
            baudrate=line.baud_rate, parity=PARITY[line.parity], stopbits=line.stop_bits, trace_packet=heard,
        )  # fmt: skip

    return Endpoint(f"PLC on {line.device}", make, lambda: obstacle(line), tagged=False)


PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_REASONS = {
    errno.ENOENT: "no such device: plug it in, or name another",
    errno.EACCES: "permission denied: add this user to the device's group (dialout)",
    errno.EAGAIN: "another program has it open: stop that",
}


def obstacle(line: SerialLine) -> str:
    """Why this device cannot be opened, for a person, '' = it can; pymodbus does not say, and then keeps it open."""
    try:
        with serial.Serial(line.device, line.baud_rate, parity=PARITY[line.parity], stopbits=line.stop_bits,
                           exclusive=True) as device:  # fmt: skip
            device.timeout = 0  # as pymodbus does: it sets the line up again
    except OSError as error:
        return _REASONS.get(error.errno or 0, str(error))
    except (ValueError, termios.error):
        return f"the device does not take {line.baud_rate} baud, parity {line.parity}, {line.stop_bits} stop bits"
    return ""
