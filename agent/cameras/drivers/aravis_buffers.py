"""The memory that a camera's frames are written into, lent out without copying."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from agent.cameras.drivers.aravis_library import Aravis
from agent.inspection import Image

BUFFERS = 16
SPARE = 10
"""So many stay with the stream: when frames are kept for long, they are kept as copies."""


class Buffers:
    """Some frames' worth, owned here; the stream fills it through pointers."""

    def __init__(self, stream: Any, payload_bytes: int) -> None:
        self._stream: Any = stream
        self._memory: dict[Any, Image] = {}
        for _ in range(BUFFERS):
            memory = np.zeros(payload_bytes, np.uint8)
            buffer = Aravis.Buffer.new(payload_bytes, memory.ctypes.data)
            self._memory[buffer] = memory
            self.give_back(buffer)

    def lend(self, buffer: Any) -> Image:
        """Its bytes, uint8 N. They go back to the stream when the last array that looks at them is gone."""
        memory = self._memory[buffer]
        free, _ = self._stream.get_n_buffers()
        if free < SPARE:
            copy = memory.copy()
            self.give_back(buffer)
            return copy
        loan = np.frombuffer(memory.data, np.uint8)  # every view of it, and none of `memory`, keeps it alive
        weakref.finalize(loan, self.give_back, buffer).atexit = False
        return loan

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
