"""The tables of a station's file that concern the PLC: [plc], [reject], [alarm]."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from agent.plc.register_map import HEARTBEAT_LIMIT_MS
from agent.plc.wires.serial_timing import Exchanges, SerialLine
from agent.toml import Milliseconds, Strict
from agent.toml_mistakes import Mistakes

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
    """From one exchange to the next; in the server's role the PLC's own cadence, which is only believed."""
    timeout_ms: Milliseconds = 100.0
    scan_ms: Milliseconds = 20.0
    """Longest scan of the PLC program: the photo-eye edge is known no better than this."""
    guard_ms: Milliseconds = 30.0
    """Taken off the PLC's DECIDE_MS: its scan plus one write."""
    lost_after_ms: Milliseconds = 500.0
    """PLC_HB unchanged for this long = PLC lost."""
    decide_ms: Milliseconds | None = None
    """bits: time from trigger to the decision point; in words the PLC says it."""

    @property
    def serial_line(self) -> SerialLine | None:
        """The line of Modbus RTU; None over TCP."""
        return SerialLine(**self.serial.model_dump()) if self.serial else None

    @property
    def exchanges(self) -> Exchanges | None:
        """What each exchange takes on the serial line; None over TCP, where the network decides."""
        line = self.serial_line
        if line is None:
            return None
        return Exchanges.of_words(line, self.combined) if self.profile == "words" else Exchanges.of_bits(line)

    @property
    def sampling_ms(self) -> float:
        """How long before it comes the PLC's block may have been filled, beyond what its clock says."""
        if self.role == "server":
            return self.scan_ms + self.cycle_ms  # by the echo of AGENT_HB, which its program first had to read
        return self.exchanges.read_ms if self.exchanges else 0.0

    @property
    def where(self) -> str:
        """For a person: where the PLC is found, and what the line to it allows."""
        exchanges = self.exchanges
        if self.role == "server":
            return f"comes to {self.host}:{self.port} by itself"
        if self.serial is None or exchanges is None:
            return f"{self.host}:{self.port}, one cycle every {self.cycle_ms:g} ms"
        return (
            f"on {self.serial.device} at {self.serial.baud_rate} baud: read {exchanges.read_ms:.1f} ms, write "
            f"{exchanges.write_ms:.1f} ms, cycle {exchanges.cycle_ms:.1f} of {self.cycle_ms:g} ms"
        )

    @model_validator(mode="after")
    def _is_consistent(self) -> PlcConfig:
        if problems := [*self._wrong_company(), *self._missing(), *self._times_that_cannot_hold()]:
            raise Mistakes(problems)
        return self

    def _wrong_company(self) -> Iterator[str]:
        """Keys that do not go with what role, transport and profile are."""
        if self.role == "server" and self.transport == "rtu":
            yield "plc.role = 'server' needs plc.transport = 'tcp': on a serial line the PLC is the Modbus server"
        if self.role == "server" and self.profile == "bits":
            yield "plc.role = 'server' needs plc.profile = 'words': a PLC of profile bits is polled"
        for key, value, strangers, why in _STRANGERS:
            for name in strangers:
                if getattr(self, key) == value and name in self.model_fields_set:
                    yield f"plc.{name} does not go with plc.{key} = '{value}': {why}; take it out"

    def _missing(self) -> Iterator[str]:
        if self.transport == "tcp" and not self.host:
            yield "missing key 'plc.host': the PLC's address, or in the server's role the one to listen on"
        if self.transport == "rtu" and self.serial is None:
            yield "missing table [plc.serial]: the serial line, with device = '/dev/ttyS0'"
        if self.profile == "bits" and self.decide_ms is None:
            yield "missing key 'plc.decide_ms': photo-eye to decision point; in profile bits the PLC cannot say it"

    def _times_that_cannot_hold(self) -> Iterator[str]:
        """Times too short for what must happen in them; each with the least value that holds."""
        exchanges = self.exchanges
        if exchanges is not None and self.serial is not None:
            at = f"at {self.serial.baud_rate} baud"
            if exchanges.cycle_ms > HEARTBEAT_LIMIT_MS:
                yield (
                    f"{at} one cycle takes {exchanges.cycle_ms:.0f} ms, a PLC waits {HEARTBEAT_LIMIT_MS} ms for the "
                    "heartbeat: choose a higher plc.serial.baud_rate"
                )
                return
            yield from self._at_least("cycle_ms", exchanges.cycle_ms, f"one read and one write {at}")
            yield from self._at_least("timeout_ms", exchanges.longest_ms, f"the longest exchange {at}")
            yield from self._at_least("guard_ms", self.scan_ms + exchanges.write_ms, f"a scan and one write {at}")
        elif self.role == "server":
            yield from self._at_least("guard_ms", self.scan_ms + self.cycle_ms, "a scan and one cycle of the PLC")
        yield from self._at_least("lost_after_ms", 2 * self.cycle_ms, "two cycles")

    def _at_least(self, key: str, least_ms: float, what: str) -> Iterator[str]:
        if getattr(self, key) < least_ms:
            yield f"plc.{key} = {getattr(self, key):g} is less than {what}: make it {math.ceil(least_ms)} or more"


_STRANGERS = (
    ("transport", "tcp", ("serial",), "it belongs to plc.transport = 'rtu'"),
    ("transport", "rtu", ("host", "port"), "the PLC is on plc.serial.device"),
    ("role", "server", ("device_id", "timeout_ms", "combined"), "the PLC asks, and every unit id is answered"),
    ("profile", "bits", ("combined",), "FC23 carries words only"),
    ("profile", "words", ("decide_ms",), "the PLC says it in DECIDE_MS"),
)
"""(key, its value, keys that mean nothing then, why)."""


class RejectConfig(Strict):
    """Who times the reject arm, and how it is wired (agent/plc/arm/reject_timer.py)."""

    timing: Literal["plc", "agent"] = "plc"
    """plc: the PLC's shift register, Linegate only says the verdict. agent: Linegate drives coils of its own."""
    distance_mm: float = Field(default=0.0, ge=0)
    """agent: photo-eye to arm; with LINE_MM_S of the PLC this gives the time."""
    distance_counts: int = Field(default=0, ge=0, le=60_000)
    """agent: the same by the PLC's encoder, which a change of speed cannot fool; 0 = go by distance_mm."""
    pulse_ms: Milliseconds = 50.0
    """How long a coil is on for one part, centred on the part."""
    lead_ms: float = Field(default=0.0, ge=0, le=1000)
    """From a coil's change to the arm in place, the write to the PLC included: every change is so much earlier."""
    pass_coil: int | None = Field(default=None, ge=0, le=65_535)
    """Energised while a proven part passes the arm; at rest the arm rejects."""
    lane_coils: dict[str, Annotated[int, Field(ge=0, le=65_535)]] = Field(default_factory=dict)
    """Defect class (or 'reject', 'no_decision') → coil that sends the part into its lane."""
    reject_coil: int | None = Field(default=None, ge=0, le=65_535)
    """Energised to reject: a dead wire lets every part pass. Needs fail_open = true."""
    fail_open: bool = False
    confirm_ms: Milliseconds | None = None
    """After a reject CONFIRM_CNT must count on within this; None = there is no confirm sensor.

    From the part's arrival at the arm, which with timing = "plc" is its decision point.
    """

    def mistakes(self, plc: PlcConfig, min_pitch_ms: float) -> Iterator[str]:
        """Why the arm cannot be driven as it is described, in words for the file's author."""
        if self.confirm_ms is not None and plc.profile == "bits":
            yield "reject.confirm_ms: profile 'bits' has no CONFIRM_CNT: use words, or leave it out"
        if self.timing == "plc":
            yield from self._ours_alone()
        else:
            yield from self._wrong_wiring()
            yield from self._wrong_times(plc, min_pitch_ms)

    def _ours_alone(self) -> Iterator[str]:
        fresh = RejectConfig()
        for name in sorted(self.model_fields_set - {"confirm_ms"}):
            if getattr(self, name) != getattr(fresh, name):
                yield f"reject.{name} is for reject.timing = 'agent': set that, or leave it to the PLC"

    def _wrong_wiring(self) -> Iterator[str]:
        if (self.pass_coil is None) == (self.reject_coil is None):
            yield (
                "reject.timing = 'agent' needs one of pass_coil and reject_coil: "
                "pass_coil = N, energised to pass, rejects when a wire breaks"
            )
        elif self.fail_open != (self.reject_coil is not None):
            yield (
                "reject.reject_coil lets every part pass when a wire breaks: wire the arm energise-to-pass "
                "(pass_coil), or own up to it with fail_open = true"
                if self.reject_coil is not None
                else "reject.fail_open = true is the mark of reject_coil: leave it out, pass_coil fails safe"
            )
        if (self.distance_mm > 0) == (self.distance_counts > 0):
            yield (
                "reject.timing = 'agent' needs one of distance_mm and distance_counts: how far it is from "
                "photo-eye to arm; counts if the PLC has an encoder"
            )
        deciding = self.reject_coil if self.pass_coil is None else self.pass_coil
        if deciding in self.lane_coils.values():
            yield f"reject.lane_coils: coil {deciding} is the arm's own: give the lane another"

    def _wrong_times(self, plc: PlcConfig, min_pitch_ms: float) -> Iterator[str]:
        if plc.role != "client" or plc.profile != "words":
            yield (
                "reject.timing = 'agent' writes coils and reads the belt: it needs plc.role = 'client' "
                "and plc.profile = 'words'; else let the PLC time the arm"
            )
        if self.pulse_ms >= min_pitch_ms:
            yield (
                f"reject.pulse_ms = {self.pulse_ms:.0f} reaches into the next part at trigger.min_pitch_ms = "
                f"{min_pitch_ms:g}: make it shorter"
            )
            return
        if self.pulse_ms < 2 * plc.scan_ms:
            yield (
                f"reject.pulse_ms = {self.pulse_ms:.0f} may miss the part, whose place is known to plc.scan_ms = "
                f"{plc.scan_ms:.0f} either way: make it at least twice that"
            )
        if self.pass_coil is not None and self.watchdog_ms(plc, min_pitch_ms) < 2 * plc.cycle_ms:
            yield (
                f"reject.pulse_ms = {self.pulse_ms:.0f} leaves {self.watchdog_ms(plc, min_pitch_ms):.0f} ms until the "
                "next part, less than two of plc.cycle_ms: no output watchdog could drop the pass coil of a dead "
                "station in time; make it shorter, or space the parts out"
            )

    def watchdog_ms(self, plc: PlcConfig, min_pitch_ms: float) -> float:
        """Longest output watchdog of PLC or coupler: what a dead station left on is off when the next part comes."""
        return min_pitch_ms - self.pulse_ms / 2 - plc.scan_ms


class AlarmConfig(Strict):
    """So many in a row and the PLC is asked to stop the line; 0 = never."""

    consecutive_rejects: int = Field(default=5, ge=0)
    consecutive_no_decisions: int = Field(default=5, ge=0)
    consecutive_unconfirmed: int = Field(default=3, ge=0)
