"""The one table that knows addresses: profile A, holding registers, PLC = Modbus TCP server.

Addresses are zero-based PDU addresses (HR0 = 40001). u32 = high word first. Both blocks carry a copy of
their head word as their last register: writer tail, data, head; reader head, data, tail; unequal = torn.
Slots prove themselves: verdict and outcome words are `code XOR seq`, so an old word beside a new seq is
neither PASS nor anything else (slot = seq mod 16, hence two seqs of one slot share their low four bits, in
which all codes differ).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from agent.plc.registers import Block, Register, Ring

MAP_ID = 0x5601
"""'V', map major 1."""
RING_SLOTS = 16
DETAIL_SLOTS = 4
MAX_SEQ = 65535
HEARTBEAT_LIMIT_MS = 500
"""The PLC believes an agent whose AGENT_HB has moved within this."""
READ_LIMIT_WORDS = 125
WRITE_LIMIT_WORDS = 121
"""FC23's limit; FC16 would take 123."""


class VerdictCode(IntEnum):
    """Result ring: 0 and anything not listed is REJECT to the PLC."""

    PASS = 0x5AA5
    REJECT = 0xA55A
    NO_DECISION = 0x3CC3


class OutcomeCode(IntEnum):
    """Outcome ring: which verdict the PLC had copied when the part reached its decision point."""

    PASSED = 0x5AA5
    REJECTED = 0xA55A
    NO_DECISION = 0x3CC3
    NO_VERDICT = 0xC33C


class Ctrl(IntFlag):
    """PLC → agent, CTRL."""

    TRIGGER_ENABLE = 1
    LINE_RUNNING = 2
    SET_OFFLINE = 4
    CLEAR_FAULT = 8
    BYPASS = 16
    REJECT_ALL = 32
    HW_TRIGGER = 64


class Status(IntFlag):
    """Agent → PLC, STATUS."""

    ONLINE = 1
    READY = 2
    ACQUIRING = 4
    BUSY = 8
    RESULT_PENDING = 16
    MISSED_ACQ = 32
    RING_OVERRUN = 64
    FAULT = 128
    WARN = 256
    FAIL_OPEN = 512
    CMD_FAILED = 1024
    CAMERA_DOWN = 2048
    PART_ID_ERROR = 4096
    SIMULATED = 8192
    BYPASSED = 16384
    STOP_REQUEST = 32768


class Alarm(IntFlag):
    """Agent → PLC, ALARM: what STOP_REQUEST (the first five) and WARN stand for; latched until CLEAR_FAULT."""

    CONSECUTIVE_REJECTS = 1
    CONSECUTIVE_NO_DECISIONS = 2
    CHALLENGE_PASSED = 4
    PASSED_UNPROVEN = 8
    REJECTS_UNCONFIRMED = 16
    DEFECT = 32
    MISSED_REJECT = 64
    UNCONFIRMED_REJECT = 128
    DEADLINES = 256
    JOURNAL = 512
    UNSOLICITED_FRAME = 1024
    DRIFT = 2048
    EVIDENCE = 4096
    MODEL = 8192


STOP_ALARMS = (
    Alarm.CONSECUTIVE_REJECTS
    | Alarm.CONSECUTIVE_NO_DECISIONS
    | Alarm.CHALLENGE_PASSED
    | Alarm.PASSED_UNPROVEN
    | Alarm.REJECTS_UNCONFIRMED
)
"""Any of these asks the PLC to stop the line."""


class Command(IntEnum):
    """PLC → agent, CMD."""

    CLEAR_COUNTERS = 1
    CHALLENGE_NEXT = 2


CHALLENGE_REASONS = (3, 4)
"""Reasons of a result that say: this is a challenge part, the agent's CHALLENGE and CHALLENGE_REJECTED."""


def names_of(flags: IntFlag) -> tuple[str, ...]:
    """Names of the bits that are set."""
    return tuple(str(flag.name) for flag in flags)


def bits_of(flags: type[IntFlag]) -> str:
    """`b0 ONLINE b1 READY …`, for the map's readers."""
    return " ".join(f"b{flag.value.bit_length() - 1} {flag.name}" for flag in flags)


PLC_BLOCK = Block(
    "PLC → agent",
    base=0,
    registers=(
        Register("MAP_ID", 0, "0x5601; the agent refuses another map"),
        Register("TRIG_HEAD", 1, "seq of the newest trigger, 1..65535, 0 = none yet; written last"),
        Register("PLC_EPOCH", 2, "+1 (retentive) at PLC start and whenever the part queue is cleared"),
        Register("CTRL", 3, bits_of(Ctrl)),
        Register("PLC_HB", 4, "counter, +1 at least every 100 ms"),
        Register("PLC_MS", 5, "millisecond clock of the scan, wraps", unit="ms"),
        Register("DECIDE_MS", 6, "time from trigger to the decision point, used where DECIDE_COUNTS is 0", unit="ms"),
        Register("LINE_MM_S", 7, "belt speed", unit="mm/s"),
        Register("JOB_SELECT", 8, "recipe asked for, 0 = the station's own; no trigger before JOB_CURRENT is the same"),
        Register("CMD", 9, "command, runs once per new CMD_SEQ: 1 CLEAR_COUNTERS, 2 CHALLENGE_NEXT"),
        Register("CMD_ARG", 10, "its argument"),
        Register("CMD_SEQ", 11, "its sequence"),
        Register("RES_ACK_SEQ", 12, "newest result the PLC has copied (diagnostic)"),
        Register("ENC_NOW", 13, "encoder count now", words=2),
        Register("DECIDED_SEQ", 15, "newest part that passed the decision point"),
        Register("DECIDE_COUNTS", 16, "encoder counts from photo-eye to the decision point, 0 = go by DECIDE_MS"),
        Register("ENC_HZ", 17, "encoder counts per second now, 0 = the belt stands"),
        Register("AGENT_HB_ECHO", 18, "the AGENT_HB last read: a block that echoes h was filled after h was read"),
        Register("CHALLENGE", 19, "bit (seq mod 16) set: that part is known to be bad, a test of this station"),
        Register("CONFIRM_CNT", 20, "parts seen by the sensor behind the reject arm, wraps"),
        Register("TRIG_TAIL", 118, "copy of TRIG_HEAD; written first"),
    ),
    rings=(
        Ring("TRIGGER", 22, RING_SLOTS, (
            Register("seq", 0, "1..65535"),
            Register("part_id", 1, "the PLC's number of the part", words=2),
            Register("ms", 3, "PLC_MS when the photo-eye fired", unit="ms"),
            Register("enc", 4, "low word of ENC_NOW when the photo-eye fired"),
        )),
        Ring("OUTCOME", 102, RING_SLOTS, (
            Register("word", 0, "outcome code XOR seq, written at the decision point"),
        )),
    ),
)  # fmt: skip

AGENT_BLOCK = Block(
    "agent → PLC",
    base=200,
    registers=(
        Register("MAP_ID", 0, "0x5601"),
        Register("RES_HEAD", 1, "seq of the newest result"),
        Register("STATUS", 2, bits_of(Status)),
        Register("AGENT_HB", 3, "counter; advances only while every stage makes progress"),
        Register("AGENT_EPOCH", 4, "+1 (persisted) at each start of the agent"),
        Register("PLC_EPOCH_ECHO", 5, "the PLC_EPOCH these results belong to"),
        Register("PLC_HB_ECHO", 6, "the PLC_HB last read: shows the round trip alive"),
        Register("TRIG_ACK_SEQ", 7, "newest trigger accepted"),
        Register("EXPOSED_SEQ", 8, "newest trigger whose photo is taken: the part may move"),
        Register("ERROR_CODE", 9, "reason of the newest NO_DECISION, 0 = none"),
        Register("MISSED_CNT", 10, "triggers without a frame, wraps"),
        Register("LATE_CNT", 11, "verdicts too late for their part, wraps"),
        Register("JOB_CURRENT", 12, "recipe in use"),
        Register("CMD_ACK_SEQ", 13, "newest command run"),
        Register("LATENCY_01MS", 14, "last trigger seen → verdict", scale=0.1, unit="ms"),
        Register("MODEL_ID", 15, "first 16 bits of the model's sha256"),
        Register("ALARM", 16, bits_of(Alarm)),
        Register("PASS_CNT", 17, "verdicts PASS, wraps; CLEAR_COUNTERS sets all counters to 0"),
        Register("REJECT_CNT", 18, "verdicts REJECT, wraps"),
        Register("NO_DECISION_CNT", 19, "verdicts NO_DECISION, wraps"),
        Register("MISSED_REJECT_CNT", 20, "rejects whose pulse came late or not at all, wraps"),
        Register("UNCONFIRMED_CNT", 21, "rejects that the confirm sensor did not see, wraps"),
        Register("RECIPE_ID", 22, "first 16 bits of the recipe's sha256"),
        Register("CHALLENGE_CNT", 23, "challenge parts that were rejected as they must be, wraps"),
        Register("RES_TAIL", 120, "copy of RES_HEAD"),
    ),
    rings=(
        Ring("RESULT", 24, RING_SLOTS, (
            Register("seq", 0, "of the trigger this answers"),
            Register("verdict", 1, "verdict code XOR seq"),
            Register("part_lo", 2, "low word of its part_id"),
            Register("reason", 3, "0 ok, 1 defect, else why no decision"),
        )),
        Ring("DETAIL", 88, DETAIL_SLOTS, (
            Register("seq", 0, "of the trigger this answers"),
            Register("class", 1, "of the worst defect, 0 = none"),
            Register("count", 2, "defects that count"),
            Register("area", 3, "worst defect", scale=0.01, unit="mm²"),
            Register("x", 4, "its centroid in the robot frame", scale=0.1, signed=True, unit="mm"),
            Register("y", 5, "its centroid in the robot frame", scale=0.1, signed=True, unit="mm"),
            Register("score", 6, "its score", scale=0.001),
            Register("seq_copy", 7, "= seq when the slot is whole"),
        )),
    ),
)  # fmt: skip


def next_seq(seq: int) -> int:
    """The sequence number after `seq`; 0 is skipped."""
    return seq % MAX_SEQ + 1


def seq_distance(older: int, newer: int) -> int:
    """How many triggers `newer` is ahead of `older`, 0..65534; 0 (none yet) counts as the one before 1."""
    return (newer - older) % MAX_SEQ
