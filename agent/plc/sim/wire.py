"""How the simulated PLC's memory lies on the wire: the scan reads the agent's image and puts its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.plc.sim.bits import BitsServerWire
from agent.plc.sim.client_wire import ClientWire
from agent.plc.sim.server_wire import ServerWire, rtu_server, tcp_server
from agent.plc.wires.serial_timing import SerialLine


class SimWire(Protocol):
    """The PLC's memory as the scan sees it; what the agent does to it happens between two scans."""

    where: str
    """For a person: what this PLC speaks, and where."""

    async def start(self, kept: Sequence[int] = ()) -> None:
        """Open it with `kept` as the agent's block, else with memory of zeros; ConfigError when it cannot be had."""
        ...

    async def agent_image(self) -> list[int]:
        """The agent's block as it stands in the memory now."""
        ...

    async def coils(self) -> list[bool]:
        """The outputs that the agent drives by itself, as they stand now (a station that times the reject arm)."""
        ...

    async def put(self, words: list[int], first: int = 0) -> None:
        """Write (a part of) the PLC's block, from register `first` of it on."""
        ...

    async def drop(self) -> None:
        """Break every connection at once."""
        ...

    async def stop(self) -> None:
        """Close it."""
        ...


@dataclass(frozen=True)
class SimWireOptions:
    """Where the simulated PLC meets the station."""

    host: str = "127.0.0.1"
    port: int = 1502
    role: Literal["server", "client"] = "server"
    """server: it is polled by the station. client: it reads and writes the station, which is the server."""
    line: SerialLine | None = None
    """Modbus RTU on this line instead of TCP."""
    profile: Literal["words", "bits"] = "words"


def open_sim_wire(options: SimWireOptions, spoil: Callable[[bytes], bytes] = bytes) -> SimWire:
    """The wire that was asked for, not yet started. `spoil`: what becomes of each answer of a server on its way out."""
    if options.role == "client":
        return ClientWire(options.host, options.port)
    opening = rtu_server(options.line) if options.line is not None else tcp_server(options.host, options.port)
    return BitsServerWire(opening, spoil) if options.profile == "bits" else ServerWire(opening, spoil)
