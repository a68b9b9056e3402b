"""`linegate plc sim`: the simulator's options, its manual, and what it says at its start."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from agent.errors import UsageError, exit_on_error
from agent.plc.sim.commands import COMMANDS, MENU
from agent.plc.sim.console import read_script

if TYPE_CHECKING:
    from agent.plc.sim.arm import Wiring
    from agent.plc.sim.belt import BeltPart
    from agent.plc.sim.simulator import SimulatedLine

ENDLESS = 100
"""Different parts on an endless belt."""
COILS = 16
ANSWER_MS = 10
"""The least that a station takes over the wire; a part is announced in one scan and its verdict read in another."""
MAX_WORD = 65_535

MANUAL = r"""A PLC with belt, photo-eye, camera and reject arm: commission without hardware.
Example: linegate plc sim --rate 10 --parts 300

It is a real Modbus PLC at the wire and runs the program that is
FB_Linegate in Structured Text (linegate plc map --format fb). The belt waits
until a station is READY, then carries parts past photo-eye and camera to the
arm, which rejects each that was not proven good in time. What truly happened
to each part goes into the truth log (agent/plc/sim/belt.py says what its fields
mean).

The line obeys its PLC: it stands while the station asks for a stop
(STOP_REQUEST) or changes its job. An operator then comes and presses
CLEAR_FAULT (--operator-s). It runs on while the station is down, and rejects.

The camera is a wire of its own, for a station with \[camera] driver =
"simulated". A station for all defaults: linegate run config/demo.toml

Examples, each behind linegate plc sim:
  --parts 0                    endless
  --decide-by encoder          stops and slow belts do not put the arm out of step
  --challenge-every 50         each 50th part is a test piece, known to be bad
  --arm coils --pass-coil 3    for \[reject] timing = "agent", pass_coil = 3
  --role client                for linegate run config/demo_server.toml
  --profile bits --rate 2      for a station with plc.profile = "bits", decide_ms = 400
  --serial /dev/ttyUSB0        Modbus RTU
  --script faults.txt          a menu command a line, behind its time: 12.5 freeze 400
"""
EPILOG = (
    "Menu, to be typed or piped in while it runs. In a --script each line begins with\n"
    "its time, seconds after the belt's start.\n\n" + MENU.replace("[", "\\[")
)


def _option(panel: str, text: str, *names: str, **limits: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, **limits)


Host = Annotated[str, _option("Wire", "Modbus TCP address to listen on; client: the station's.")]
Port = Annotated[int, _option("Wire", "Modbus TCP port.", min=1, max=MAX_WORD)]
Role = Annotated[Literal["server", "client"], _option("Wire", "client: for a station with plc.role = 'server'.")]
Profile = Annotated[Literal["words", "bits"], _option("Wire", "bits: profile B, for a station with that plc.profile.")]
Serial = Annotated[str | None, _option("Wire", "Modbus RTU on this device instead of TCP.")]
Baud = Annotated[int, _option("Wire", "With --serial.", min=9600, max=4_000_000)]
Parity = Annotated[Literal["none", "even", "odd"], _option("Wire", "With --serial.")]
StopBits = Annotated[int, _option("Wire", "With --serial.", min=1, max=2)]
CameraEndpoint = Annotated[str, _option("Wire", "Endpoint of the camera's wire.")]
Images = Annotated[Path | None, _option("Belt", "Photos instead of rendered tiles (data set folder).")]
Blank = Annotated[bool, _option("Belt", "Parts without photos: for tests of the link alone.", "--blank")]
Parts = Annotated[int, _option("Belt", "Parts on the belt; 0 = endless.", min=0)]
Rate = Annotated[float, _option("Belt", "Parts per second.", min=0.1, max=500)]
Pitch = Annotated[float, _option("Belt", "From one part to the next, mm.", min=1, max=2000)]
Counts = Annotated[float, _option("Belt", "Encoder counts per mm.", min=0.001, max=1000)]
Defects = Annotated[float, _option("Belt", "Share of parts with a defect.", min=0, max=1)]
ChallengeEvery = Annotated[int, _option("Belt", "Each N-th part is a test piece, known to be bad; 0 = none.", min=0)]
Seed = Annotated[int, _option("Belt", "Same seed, same belt.")]
ScanMs = Annotated[float, _option("PLC program", "Scan time.", min=1, max=200)]
DecideMs = Annotated[int, _option("PLC program", "Photo-eye to decision point.", min=10, max=30_000)]
DecideBy = Annotated[Literal["time", "encoder"], _option("PLC program", "What the arm's moment is measured by.")]
Epoch = Annotated[int, _option("PLC program", "PLC_EPOCH of this start.", min=1, max=MAX_WORD)]
SettleS = Annotated[float, _option("PLC program", "The belt starts so long after the station is READY.", min=0)]
OperatorS = Annotated[
    float, _option("PLC program", "CLEAR_FAULT is pressed so long after a stop; 0 = never, type 'clear'.", min=0)
]
StopAfter = Annotated[
    int, _option("PLC program", "The line stops after so many parts in a row without a verdict; 0 = never.", min=0)
]
ArmBy = Annotated[Literal["plc", "coils"], _option("Reject arm", "coils: the station does (reject.timing).")]
ArmMm = Annotated[
    float | None, _option("Reject arm", "Photo-eye to arm; default: what the belt covers in --decide-ms.", min=1)
]
PassCoil = Annotated[int | None, _option("Reject arm", "Energised: the gate is open.", min=0, max=COILS - 1)]
RejectCoil = Annotated[
    int | None, _option("Reject arm", "Energised: the gate is shut; a dead wire lets all pass.", min=0, max=COILS - 1)
]
LaneCoils = Annotated[str, _option("Reject arm", "Where rejected parts go, by class: crack=4,blowhole=5.")]
WatchdogMs = Annotated[
    float, _option("Reject arm", "So long after its last sign of life the station's coils fall.", min=1, max=5000)
]
Truth = Annotated[Path | None, _option("Records", "JSON lines: each part, what it was, what the arm did.")]
Script = Annotated[Path | None, _option("Records", "File of commands with times: 12.5 freeze 400.")]


def plc_sim(
    host: Host = "127.0.0.1", port: Port = 1502, role: Role = "server", profile: Profile = "words",
    serial: Serial = None, baud: Baud = 115_200, parity: Parity = "even", stop_bits: StopBits = 1,
    camera: CameraEndpoint = "tcp://127.0.0.1:5590", images: Images = None, blank: Blank = False, parts: Parts = 300,
    rate: Rate = 10.0, pitch_mm: Pitch = 32.0, counts_per_mm: Counts = 10.0, defects: Defects = 0.3,
    challenge_every: ChallengeEvery = 0, seed: Seed = 1, scan_ms: ScanMs = 5.0, decide_ms: DecideMs = 400,
    decide_by: DecideBy = "time", epoch: Epoch = 1, settle_s: SettleS = 1.5, operator_s: OperatorS = 3.0,
    stop_after: StopAfter = 0,
    arm: ArmBy = "plc", arm_mm: ArmMm = None, pass_coil: PassCoil = None, reject_coil: RejectCoil = None,
    lane_coils: LaneCoils = "", watchdog_ms: WatchdogMs = 100.0, truth_log: Truth = None, script: Script = None,
) -> None:  # fmt: skip
    with exit_on_error():
        from agent.plc.sim.belt import Belt, TruthLog
        from agent.plc.sim.simulator import LineOptions, SimulatedLine
        from agent.plc.sim.wire import SimWireOptions
        from agent.plc.wires.serial_timing import SerialLine
        from agent.service import exit_when_a_thread_dies

        exit_when_a_thread_dies()
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
        orders = read_script(script, COMMANDS) if script else []
        if serial and role == "client":
            raise UsageError("--serial does not go with --role client: on a serial line the PLC is the server")
        if profile == "bits" and (role, decide_by, arm, stop_after) != ("server", "time", "plc", 0):
            raise UsageError("--profile bits is a small PLC: a Modbus server that moves the arm by its own time; leave "
                             "out --role, --decide-by, --arm and --stop-after")  # fmt: skip
        if arm == "coils" and role == "client":
            raise UsageError("--arm coils does not go with --role client: the coils are written to the PLC")
        if decide_ms < 2 * scan_ms + ANSWER_MS:
            raise UsageError(f"--decide-ms {decide_ms} leaves a station no time to answer: make it two scans and "
                             f"{ANSWER_MS} ms, {2 * scan_ms + ANSWER_MS:.0f} ms, or more")  # fmt: skip
        wiring = _wiring(arm, pass_coil, reject_coil, lane_coils, watchdog_ms)
        mm_s = rate * pitch_mm
        arm_mm = arm_mm or mm_s * decide_ms / 1000
        by_encoder = decide_by == "encoder"
        if by_encoder:
            _check_encoder(mm_s * counts_per_mm, arm_mm * counts_per_mm)
        line = SerialLine(serial, baud, parity, stop_bits) if serial else None
        wire = SimWireOptions(host, port, role, line, profile)
        options = LineOptions(wire, camera, scan_ms, decide_ms, mm_s, epoch, counts_per_mm, by_encoder, operator_s,
                              stop_after, wiring, settle_s)  # fmt: skip
        load = _load(images, blank, parts or ENDLESS, defects, seed)
        belt = Belt(load, pitch_mm, arm_mm, endless=parts == 0, test_every=challenge_every)
        try:
            truth = TruthLog(truth_log)
        except OSError as error:
            raise UsageError(f"--truth-log {truth_log}: {(error.strerror or '').lower()}: name a file") from error
        _run(SimulatedLine(belt, truth, options), orders)


def _load(images: Path | None, blank: bool, count: int, defects: float, seed: int) -> list[BeltPart]:
    from agent.plc.sim.belt import blank_parts, photo_parts, procedural_parts

    if blank:
        return blank_parts(count)
    return photo_parts(images, count, defects, seed) if images else procedural_parts(count, defects, seed)


def _wiring(arm: str, pass_coil: int | None, reject_coil: int | None, lane_coils: str, watchdog_ms: float) -> Wiring:
    from agent.plc.sim.arm import Wiring

    coils = [coil for coil in (pass_coil, reject_coil) if coil is not None]
    if arm == "plc" and (coils or lane_coils):
        raise UsageError("--pass-coil, --reject-coil and --lane-coils need --arm coils")
    if arm == "coils" and len(coils) != 1:
        raise UsageError("--arm coils needs --pass-coil or --reject-coil, one of the two")
    lanes = dict(_lane(text) for text in lane_coils.split(",")) if lane_coils else {}
    if len({*coils, *lanes.values()}) != len(coils) + len(lanes):
        raise UsageError(f"--lane-coils {lane_coils}: each lane and the gate need a coil of their own")
    return Wiring(pass_coil, reject_coil, lanes, watchdog_ms)


def _lane(text: str) -> tuple[str, int]:
    name, _, coil = text.partition("=")
    if not name or not coil.isdecimal() or int(coil) >= COILS:
        raise UsageError(f"--lane-coils '{text}': write class=coil, coils 0…{COILS - 1}: crack=4,blowhole=5")
    return name.strip(), int(coil)


def _check_encoder(counts_per_s: float, arm_counts: float) -> None:
    """ENC_HZ and DECIDE_COUNTS are one word each."""
    if counts_per_s > MAX_WORD:
        raise UsageError(f"the encoder makes {counts_per_s:.0f} counts/s, ENC_HZ holds 65535: lower --counts-per-mm")
    if not 1 <= arm_counts <= MAX_WORD:
        raise UsageError(
            f"the arm is {arm_counts:.0f} encoder counts behind the photo-eye, DECIDE_COUNTS holds 1…65535: "
            "change --counts-per-mm or the arm's distance"
        )


def _run(line: SimulatedLine, orders: list[Any]) -> None:
    import asyncio

    from agent.plc.sim.menu import Menu

    def say(text: str) -> None:
        print(text, flush=True)

    async def run() -> None:
        menu = Menu(line, say)

        def opened() -> None:
            say(_greeting(line))
            menu.listen()
            line.spawn(menu.follow(orders))

        await line.run(opened)

    asyncio.run(run())


def _greeting(line: SimulatedLine) -> str:
    from agent.plc.register_map import MAP_ID
    from agent.plc.sim.station import as_toml, station_tables

    options, belt = line.options, line.belt
    words = f"map id {MAP_ID:#06x} (linegate plc map)"
    speaks = "profile B (linegate plc map --profile bits)" if options.wire.profile == "bits" else words
    counts = round(belt.arm_mm * options.counts_per_mm)
    alike = "config/demo_server.toml" if options.wire.role == "client" else "config/demo.toml"
    return (
        f"PLC simulator: {line.wire.where}, {speaks}\n"
        f"belt:          {options.mm_s:.0f} mm/s, a part each {belt.pitch_mm:g} mm; the arm is {belt.arm_mm:.0f} mm or "
        f"{counts} encoder counts behind the photo-eye\n"
        f"station:       {alike}, with these tables:\n"
        f"{indent(as_toml(station_tables(options, belt.pitch_mm)), '    ')}\n"
        "type 'help' for the menu of panel, belt and faults"
    )
