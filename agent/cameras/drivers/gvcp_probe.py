"""Is a GigE Vision camera still there, and who controls it? Read over a socket of our own, beside Aravis.

Aravis itself notices a dead camera only after five seconds.
"""

from __future__ import annotations

import socket
import struct
import time
from enum import Enum

GVCP_PORT = 3956
READ, READ_ANSWER = 0x0080, 0x0081
PRIVILEGE, CONTROLLER_ADDRESS = 0x0A00, 0x0A14
HELD = 0x3
"""Control (2) or exclusive (1) access in the privilege register."""
TRIES = 3
TRY_S = 0.2


class Control(Enum):
    """Who controls the camera."""

    NO_ANSWER = "no answer"
    NOBODY = "nobody"
    SOMEBODY = "somebody"


class Gvcp:
    """Reads a camera's registers, without control. Raises OSError when there is no way to its address."""

    def __init__(self, address: str) -> None:
        self._request = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.connect((address, GVCP_PORT))
        except OSError:
            self._socket.close()
            raise

    def control(self) -> Control:
        """NO_ANSWER after TRIES × TRY_S, at once where the address itself says that nobody listens."""
        answer = self._read(PRIVILEGE)
        if answer is None:
            return Control.NO_ANSWER
        status, value = answer
        held = status != 0 or value & HELD  # refused: somebody has exclusive access
        return Control.SOMEBODY if held else Control.NOBODY

    def controller(self) -> str:
        """The address of the computer that controls it, as far as the camera tells."""
        answer = self._read(CONTROLLER_ADDRESS)
        if answer is None or answer[0] != 0 or not answer[1]:
            return "another program"
        return socket.inet_ntoa(struct.pack(">I", answer[1]))

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

    def _read(self, register: int) -> tuple[int, int] | None:
        """(status, value); None: no answer."""
        for _ in range(TRIES):
            self._request = self._request % 0xFFFF + 1
            until_s = time.monotonic() + TRY_S
            try:
                self._socket.send(struct.pack(">BBHHHI", 0x42, 0x01, READ, 4, self._request, register))
                return self._answer(until_s)
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                return None
            except OSError:  # the network is down; it may come back
                time.sleep(max(0.0, until_s - time.monotonic()))
        return None

    def _answer(self, until_s: float) -> tuple[int, int]:
        """The answer to the last request; older ones are passed over. Raises TimeoutError."""
        while True:
            self._socket.settimeout(max(0.001, until_s - time.monotonic()))
            data = self._socket.recv(64)
            if len(data) < 8:
                continue
            status, kind, _, request = struct.unpack(">HHHH", data[:8])
            if kind == READ_ANSWER and request == self._request:
                return status, int.from_bytes(data[8:12], "big")


def control_at(address: str) -> tuple[Control, str]:
    """Who controls the camera at this address, and from where."""
    try:
        gvcp = Gvcp(address)
    except OSError:
        return Control.NO_ANSWER, ""
    try:
        control = gvcp.control()
        return control, gvcp.controller() if control is Control.SOMEBODY else ""
    finally:
        gvcp.close()
