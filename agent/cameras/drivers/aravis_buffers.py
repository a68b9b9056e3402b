"""The memory that a camera's frames are written into, lent out without copying."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np

from agent.cameras.drivers.aravis_library import Aravis
from agent.inspection import Image

BUFFERS = 16
SPARE = 10
"""So many stay with the stream: when frames are kept for long, they are kept as copies."""
LIBRARY = "libaravis-0.8.so.0"


class Buffers:
    """Some frames' worth, owned here; the stream fills it through pointers."""

    def __init__(self, stream: Any, payload_bytes: int) -> None:
        self._stream: Any = stream
        self._memory: dict[Any, Image] = {}
        self._get_data: Any = ctypes.CDLL(LIBRARY).arv_buffer_get_data
        for _ in range(BUFFERS):
            memory = np.zeros(payload_bytes, np.uint8)
            buffer = Aravis.Buffer.new(payload_bytes, memory.ctypes.data)
            self._memory[buffer] = memory
            self.give_back(buffer)

    def lend(self, buffer: Any) -> Image:
        """The bytes that have come, uint8 N. They go back to the stream when the last array that looks is gone."""
        memory, came_bytes = self._memory[buffer], self._came_bytes(buffer)
        free, _ = self._stream.get_n_buffers()
        if free < SPARE:
            copy = memory[:came_bytes].copy()
            self.give_back(buffer)
            return copy
        loan = np.frombuffer(memory.data, np.uint8)  # every view of it, and none of `memory`, keeps it alive
        weakref.finalize(loan, self.give_back, buffer).atexit = False
        return loan[:came_bytes]

    def give_back(self, buffer: Any) -> None:
        """Into the stream again, as if it had never been filled; once closed nowhere."""
        stream = self._stream  # any thread may end the loan, while another closes
        if stream is not None:
            buffer.set_timestamp(0)
            buffer.set_system_timestamp(0)  # a frame that loses its first packet would show that of the frame before
            stream.push_buffer(buffer)

    def close(self) -> None:
        """Nothing goes back to the stream any more. To be kept until that has ended."""
        self._stream = None

    def _came_bytes(self, buffer: Any) -> int:
        """Of a frame that Aravis calls a success. One that its camera ended early is one, too.

        Behind its last byte lies what a frame of before has left. By ctypes, for get_data() copies all of it.
        """
        came = ctypes.c_size_t()
        self._get_data(ctypes.c_void_p(_address(buffer.__gpointer__, None)), ctypes.byref(came))
        return came.value


_address = ctypes.pythonapi.PyCapsule_GetPointer
_address.restype, _address.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
