"""libmodbus as the communication processor of a PLC: its servers and its register memory, by ctypes."""

from __future__ import annotations

import ctypes
import errno
import select
import socket
import threading
from pathlib import Path
from typing import Any, Self

from agent.local_line import free_port

REGISTERS = 400
LONGEST_ADU = 260
PATIENCE_US = 50_000
"""A server looks up so often whether it shall end."""


class Mapping(ctypes.Structure):
    """modbus_mapping_t of libmodbus 3.1."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("nb_bits", "start_bits", "nb_input_bits", "start_input_bits")),
        *((name, ctypes.c_int) for name in ("nb_input_registers", "start_input_registers")),
        *((name, ctypes.c_int) for name in ("nb_registers", "start_registers")),
        *((name, ctypes.POINTER(ctypes.c_uint8)) for name in ("tab_bits", "tab_input_bits")),
        *((name, ctypes.POINTER(ctypes.c_uint16)) for name in ("tab_input_registers", "tab_registers")),
    )


class LibmodbusMemory:
    """Registers 0 to REGISTERS - 1 and a thread that serves them. OSError where the library is not installed."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libmodbus.so.5", use_errno=True)
        for make in (self._lib.modbus_new_tcp, self._lib.modbus_new_rtu):
            make.restype = ctypes.c_void_p
        self._lib.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
        self._mapping = self._lib.modbus_mapping_new(0, 0, REGISTERS, 0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="libmodbus")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._over.set()
        self._thread.join(5)
        self._lib.modbus_mapping_free(self._mapping)
        self._lib.modbus_close(self._context)
        self._lib.modbus_free(self._context)

    def get(self, address: int, count: int) -> list[int]:
        return list(self._mapping.contents.tab_registers[address : address + count])

    def put(self, address: int, words: list[int]) -> None:
        for offset, word in enumerate(words):
            self._mapping.contents.tab_registers[address + offset] = word

    def _opened(self, context: int) -> ctypes.c_void_p:
        opened = ctypes.c_void_p(context)
        self._lib.modbus_set_indication_timeout(opened, 0, PATIENCE_US)
        return opened

    def _answer_until_it_goes(self) -> None:
        request = (ctypes.c_uint8 * LONGEST_ADU)()
        while not self._over.is_set():
            size = self._lib.modbus_receive(self._context, request)
            if size > 0:
                self._lib.modbus_reply(self._context, request, size, self._mapping)
            elif size < 0 and ctypes.get_errno() != errno.ETIMEDOUT:
                return


class LibmodbusTcp(LibmodbusMemory):
    """A TCP server, one client after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self._context = self._opened(self._lib.modbus_new_tcp(b"127.0.0.1", self.port))
        self._listening = socket.socket(fileno=self._lib.modbus_tcp_listen(self._context, 1))

    def _serve(self) -> None:
        listening = ctypes.c_int(self._listening.fileno())
        while not self._over.is_set():
            if select.select([self._listening], [], [], 0.05)[0]:
                self._lib.modbus_tcp_accept(self._context, ctypes.byref(listening))
                self._answer_until_it_goes()

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        self._listening.close()


class LibmodbusRtu(LibmodbusMemory):
    """An RTU slave on a serial device, eight bits, no parity, one stop bit."""

    def __init__(self, device: Path, baud_rate: int) -> None:
        super().__init__()
        made = self._lib.modbus_new_rtu(str(device).encode(), baud_rate, ctypes.c_char(b"N"), 8, 1)
        self._context = self._opened(made)
        self._lib.modbus_set_slave(self._context, 1)
        assert self._lib.modbus_connect(self._context) == 0

    def _serve(self) -> None:
        self._answer_until_it_goes()
