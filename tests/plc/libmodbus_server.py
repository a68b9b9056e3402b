"""libmodbus as the communication processor of a PLC: its TCP server and its register memory, by ctypes."""

from __future__ import annotations

import ctypes
import ctypes.util
import socket
import threading
from typing import Any, Self

from agent.local_line import free_port

REGISTERS = 400
LONGEST_ADU = 260


class Mapping(ctypes.Structure):
    """modbus_mapping_t of libmodbus 3.1."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("nb_bits", "start_bits", "nb_input_bits", "start_input_bits")),
        *((name, ctypes.c_int) for name in ("nb_input_registers", "start_input_registers")),
        *((name, ctypes.c_int) for name in ("nb_registers", "start_registers")),
        *((name, ctypes.POINTER(ctypes.c_uint8)) for name in ("tab_bits", "tab_input_bits")),
        *((name, ctypes.POINTER(ctypes.c_uint16)) for name in ("tab_input_registers", "tab_registers")),
    )


class LibmodbusServer:
    """Serves one client after the other until closed. OSError where the library is not installed."""

    def __init__(self) -> None:
        self.port = free_port()
        self._lib = lib = ctypes.CDLL("libmodbus.so.5")
        lib.modbus_new_tcp.restype = ctypes.c_void_p
        lib.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
        self._context = ctypes.c_void_p(lib.modbus_new_tcp(b"127.0.0.1", self.port))
        self._mapping = lib.modbus_mapping_new(0, 0, REGISTERS, 0)
        self._listening = socket.socket(fileno=lib.modbus_tcp_listen(self._context, 1))
        self._connection: socket.socket | None = None
        self._over = False
        self._thread = threading.Thread(target=self._serve, name="libmodbus")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._over = True
        self._listening.shutdown(socket.SHUT_RDWR)
        if self._connection is not None:
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listening.close()
        self._lib.modbus_mapping_free(self._mapping)
        self._lib.modbus_free(self._context)

    def get(self, address: int, count: int) -> list[int]:
        return list(self._mapping.contents.tab_registers[address : address + count])

    def put(self, address: int, words: list[int]) -> None:
        for offset, word in enumerate(words):
            self._mapping.contents.tab_registers[address + offset] = word

    def _serve(self) -> None:
        listening = ctypes.c_int(self._listening.fileno())
        request = (ctypes.c_uint8 * LONGEST_ADU)()
        while not self._over:
            connection = self._lib.modbus_tcp_accept(self._context, ctypes.byref(listening))
            if connection < 0:
                return
            self._connection = socket.socket(fileno=socket.dup(connection))
            while (size := self._lib.modbus_receive(self._context, request)) >= 0:
                self._lib.modbus_reply(self._context, request, size, self._mapping)
            self._lib.modbus_close(self._context)
            self._connection.close()
            self._connection = None
