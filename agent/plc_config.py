"""The tables of a station's file that concern the PLC: [plc], [reject], [alarm]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from agent.toml import Milliseconds, Strict

Port = Annotated[int, Field(ge=1, le=65535)]


class SerialConfig(Strict):
    """The serial line of Modbus RTU."""

    device: str
    baud_rate: int = Field(default=115_200, ge=9_600, le=4_000_000)
    parity: Literal["none", "even", "odd"] = "even"
    stop_bits: Literal[1, 2] = 1


class PlcConfig(Strict):
    """How the PLC is reached, and the times of the handshake."""

    profile: Literal["words", "bits"] = "words"
    """words: profile A, the whole handshake. bits: profile B for small PLCs, one part in flight, weaker."""
    role: Literal["client", "server"] = "client"
    """client: the PLC is the Modbus server and is polled. server: the PLC reads and writes at its own cadence."""
    transport: Literal["tcp", "rtu"] = "tcp"
    host: str = ""
    """tcp: the PLC; in the server's role the address to listen on."""
    port: Port = 502
    serial: SerialConfig | None = None
    """rtu: the serial line."""
    device_id: int = Field(default=1, ge=0, le=247)
    combined: bool = False
    """One FC23 a cycle instead of FC03 and FC16, where the PLC speaks it."""
    cycle_ms: Milliseconds = 10.0
    timeout_ms: Milliseconds = 100.0
    scan_ms: Milliseconds = 20.0
    """Longest scan of the PLC program: the photo-eye edge is known no better than this."""
    guard_ms: Milliseconds = 30.0
    """Taken off the PLC's DECIDE_MS: its scan plus one write."""
    lost_after_ms: Milliseconds = 500.0
    """PLC_HB unchanged for this long = PLC lost."""
    decide_ms: Milliseconds | None = None
    """bits: time from trigger to the decision point; in words the PLC says it."""

    @model_validator(mode="after")
    def _what_the_transport_needs(self) -> PlcConfig:
        if self.transport == "tcp" and not self.host:
            raise ValueError("missing key 'plc.host': the PLC's address, or in the server's role the one to listen on")
        if self.transport == "rtu" and self.serial is None:
            raise ValueError("missing table [plc.serial]: the serial line, with device = '/dev/ttyS0'")
        return self


class RejectConfig(Strict):
    """Who times the reject arm, and how it is wired (agent/plc/reject_timer.py)."""

    timing: Literal["plc", "agent"] = "plc"
    """plc: the PLC's shift register, Linegate only says the verdict. agent: Linegate drives coils of its own."""
    distance_mm: float = Field(default=0.0, ge=0)
    """agent: photo-eye to arm; with LINE_MM_S of the PLC this gives the time."""
    distance_counts: int = Field(default=0, ge=0, le=65_535)
    """agent: the same by the PLC's encoder, which a change of speed cannot fool; 0 = go by distance_mm."""
    pulse_ms: Milliseconds = 50.0
    pass_coil: int | None = Field(default=None, ge=0, le=65_535)
    """Energised while a proven part passes the arm; at rest the arm rejects."""
    lane_coils: dict[str, int] = Field(default_factory=dict)
    """Defect class (or 'reject', 'no_decision') → coil that sends the part into its lane."""
    reject_coil: int | None = Field(default=None, ge=0, le=65_535)
    """Energised to reject: a dead wire lets every part pass. Needs fail_open = true."""
    fail_open: bool = False
    confirm_ms: Milliseconds | None = None
    """After a reject CONFIRM_CNT must count on within this; None = there is no confirm sensor."""


class AlarmConfig(Strict):
    """So many in a row and the PLC is asked to stop the line; 0 = never."""

    consecutive_rejects: int = Field(default=5, ge=0)
    consecutive_no_decisions: int = Field(default=5, ge=0)
    consecutive_unconfirmed: int = Field(default=3, ge=0)
