"""The simulator's status on one screen."""

from __future__ import annotations

import time
from enum import IntFlag

from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, Alarm, Ctrl, Status
from agent.plc.sim.bits import BitsLineProgram
from agent.plc.sim.simulator import SimulatedLine

SHOWN_PARTS = 8
COUNTERS = ("PASS_CNT", "REJECT_CNT", "NO_DECISION_CNT", "MISSED_CNT", "LATE_CNT", "CHALLENGE_CNT",
            "MISSED_REJECT_CNT", "UNCONFIRMED_CNT")  # fmt: skip
Rows = tuple[tuple[str, str], ...]


def status(line: SimulatedLine) -> str:
    """What PLC, agent and belt say of each other."""
    now_s = time.monotonic()
    faults = line.faults.describe(now_s) + line.reject.arm.describe(now_s)
    program = line.program
    rows = (
        *(_bits(line, program) if isinstance(program, BitsLineProgram) else _words(line, now_s)),
        ("belt", _belt(line, now_s)),
        ("queue", _queue(line, now_s)),
        ("faults", ", ".join(faults) or "none"),
    )
    return "\n".join(f"{name:<9} {text}" for name, text in rows)


def _words(line: SimulatedLine, now_s: float) -> Rows:
    counters = "  ".join(f"{name} {AGENT_BLOCK.get(line.agent_image, name)}" for name in COUNTERS)
    return ("PLC", _plc(line)), ("agent", _agent(line, now_s)), ("counters", counters)


def _bits(line: SimulatedLine, program: BitsLineProgram) -> Rows:
    """What is 1, and the registers."""
    coils, registers = AGENT_BITS.split(line.agent_image)
    on = [bit.name for bit, state in zip(AGENT_BITS.bits, coils, strict=False) if state]
    values = [f"{r.name} {value}" for r, value in zip(AGENT_BITS.registers, registers, strict=False)]
    state = "stopped" if program.stopped else "running" if program.running else "not enabled"
    inputs = " ".join(bit.name for bit in PLC_BITS.bits if PLC_BITS.get(program.words, bit.name))
    plc = f"line {state}  rejected without a trigger {program.untriggered}  {inputs}"
    return ("PLC", plc), ("agent", " ".join([*values, *on]) or "-")


def _plc(line: SimulatedLine) -> str:
    words, program = line.program.words, line.program
    power = "" if line.powered else "OFF  "
    state = "stopped" if program.stopped else "running" if program.running else "not enabled"
    return (
        f"{power}epoch {program.epoch}  heartbeat {PLC_BLOCK.get(words, 'PLC_HB')}  newest trigger "
        f"{PLC_BLOCK.get(words, 'TRIG_HEAD')}  decided {PLC_BLOCK.get(words, 'DECIDED_SEQ')}  line {state}  "
        f"CTRL {names_of(Ctrl(PLC_BLOCK.get(words, 'CTRL')))}"
    )


def _agent(line: SimulatedLine, now_s: float) -> str:
    image = line.agent_image
    age_ms = int(now_s * 1000) - line.program.agent_moved_ms
    age = f"{age_ms} ms ago" if age_ms < 60_000 else "never lately"
    return (
        f"{'READY' if line.program.agent_ready else 'not READY'}  epoch {AGENT_BLOCK.get(image, 'AGENT_EPOCH')}  "
        f"echoes PLC epoch {AGENT_BLOCK.get(image, 'PLC_EPOCH_ECHO')}  job {AGENT_BLOCK.get(image, 'JOB_CURRENT')}  "
        f"heartbeat {AGENT_BLOCK.get(image, 'AGENT_HB')} moved {age}\n"
        f"{'':<9} STATUS {names_of(Status(AGENT_BLOCK.get(image, 'STATUS')))}  "
        f"ALARM {names_of(Alarm(AGENT_BLOCK.get(image, 'ALARM')))}  "
        f"ERROR_CODE {AGENT_BLOCK.get(image, 'ERROR_CODE')}"
    )


def _belt(line: SimulatedLine, now_s: float) -> str:
    mm = line.drive.position_mm(now_s)
    passed = f"{line.eye.next_index} of {line.belt.count or 'endless'} parts past the photo-eye"
    return (
        f"{line.drive.mm_s(now_s):.0f} mm/s  travelled {mm:.0f} mm  encoder {line.encoder.count(mm)}  {passed}  "
        f"{line.reject.arm.confirmed(now_s)} seen behind the reject arm"
    )


def _queue(line: SimulatedLine, now_s: float) -> str:
    parts = [
        f"seq {part.seq} part {part.part_id} {part.outcome.name.lower()} ({int(now_s * 1000) - part.triggered_ms} ms)"
        for part in line.program.queue
    ]
    more = f" … {len(parts) - SHOWN_PARTS} more" if len(parts) > SHOWN_PARTS else ""
    return "; ".join(parts[:SHOWN_PARTS]) + more if parts else "empty"


def names_of(flags: IntFlag) -> str:
    """The names of the bits that are set."""
    return " ".join(flag.name or "?" for flag in type(flags) if flag in flags) or "-"
