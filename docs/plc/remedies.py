"""What people do about each bit and code: the columns of docs/operation.md that the code does not know."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import Any

from agent.inspection import Reason
from agent.plc.register_map import Alarm, Status

OPERATOR, SHIFT_LEAD, MAINTENANCE = "operator", "shift lead", "maintenance"
PROGRAMMER, ENGINEER = "PLC programmer", "vision engineer"

ALARM = {
    Alarm.CONSECUTIVE_REJECTS: (
        "Look at the rejects: good parts = lens, lamp, job; bad parts = the process before the station. The number "
        "in a row is `alarm.consecutive_rejects`",
        OPERATOR,
    ),
    Alarm.CONSECUTIVE_NO_DECISIONS: (
        "By `ERROR_CODE`, in the table of reasons below. The number in a row is `alarm.consecutive_no_decisions`",
        OPERATOR,
    ),
    Alarm.CHALLENGE_PASSED: (
        "Was it the bad part? If so: set aside all that has passed since the last good challenge; do not run on",
        SHIFT_LEAD,
    ),
    Alarm.PASSED_UNPROVEN: (
        "Find the part. BYPASS without its bit, an arm worked by hand, or a fault of the PLC program "
        "([plc.md](plc.md))",
        PROGRAMMER,
    ),
    Alarm.REJECTS_UNCONFIRMED: (
        "Arm, air, jam, confirm sensor; look for rejects among the good parts. The number in a row is "
        "`alarm.consecutive_unconfirmed`",
        MAINTENANCE,
    ),
    Alarm.DEFECT: ("Look at the part: its defect was chosen for this in the recipe (`reject_and_alarm`)", OPERATOR),
    Alarm.MISSED_REJECT: ("One part may have passed: find it. Then PLC link, `reject.lead_ms`", SHIFT_LEAD),
    Alarm.UNCONFIRMED_REJECT: ("Look into the chute: is the part there?", OPERATOR),
    Alarm.DEADLINES: (
        "`linegate report`: which stage has become slow? Load of the computer, its governor, the network. Never widen "
        "`DECIDE_MS` beyond the arm",
        ENGINEER,
    ),
    Alarm.JOURNAL: (
        "`upkeep.journal_trouble` in `linegate watch`; free or mend the disk ([below](#disk-full))",
        MAINTENANCE,
    ),
    Alarm.UNSOLICITED_FRAME: ("Trigger wire, shielding, bouncing photo-eye, `LineDebouncerTime`", MAINTENANCE),
    Alarm.DRIFT: (
        "`linegate watch` names the figure: lamp, lens, a new batch, the model. When all is as it should be: "
        "`linegate relearn`",
        ENGINEER,
    ),
    Alarm.EVIDENCE: ("`upkeep.archive_trouble` in `linegate watch`; free the disk ([below](#disk-full))", MAINTENANCE),
    Alarm.MODEL: ("`linegate model history` says what the new model did; the old one inspects again", ENGINEER),
}
"""Member: what to look at and do; who may clear it once that is done."""
STATUS = {
    Status.ONLINE: "Off: paused, SET_OFFLINE, PART_ID_ERROR, or not running: `systemctl status` says which",
    Status.READY: "Off: wait for `systemctl status`: it says what is waited for",
    Status.ACQUIRING: "Comes and goes with each part",
    Status.BUSY: "Comes and goes with each part",
    Status.RESULT_PENDING: "Comes and goes with each part",
    Status.MISSED_ACQ: "`ERROR_CODE` says why; once in a while after a start it is normal, in a row it is the camera",
    Status.RING_OVERRUN: "The link stood still for 16 parts: network, PLC's communication load",
    Status.FAULT: "Nothing passes; the station ends itself within 1 s more and comes back. Again and again: the log",
    Status.WARN: "An alarm of the second kind: the table above",
    Status.FAIL_OPEN: "A choice of the station's file; if it was not meant, `reject.fail_open`",
    Status.CMD_FAILED: "PLC program or panel asks for a job or command that the station has not: `other_recipes`",
    Status.CAMERA_DOWN: "Cable, power, switch; the station goes on by itself once the camera is there",
    Status.PART_ID_ERROR: "Stop, take **every** part between photo-eye and arm off, find the cause, then CLEAR_FAULT",
    Status.SIMULATED: "On a real line: stop. The file names a simulated camera",
    Status.BYPASSED: "Everything passes, by the key switch at the PLC. Who turned it, and until when?",
    Status.STOP_REQUEST: "An alarm of the first kind: the table above",
}
"""Member: what to do when it is not as it should be."""
REASON = {
    Reason.OK: "Nothing",
    Reason.DEFECT: "Nothing: the part is bad, or `linegate report` shows that too many are",
    Reason.REJECT_ALL: "Take the order back at the PLC",
    Reason.CHALLENGE: "As alarm `CHALLENGE_PASSED`",
    Reason.CHALLENGE_REJECTED: "Nothing: as it must be",
    Reason.MAP_ID: "Another PLC program, or another address: `linegate plc probe`",
    Reason.EPOCH_CHANGED: "Nothing: parts of the belt before the PLC's restart. Often: who restarts the PLC?",
    Reason.CAMERA_LOST: "Cable, power, switch; the station is back when the camera is",
    Reason.FRAME_TIMEOUT: "No frame of this part's time within `trigger.frame_timeout_ms`: trigger wire, network. "
    'Always "too early": the camera\'s clock, `trigger.tolerance_ms`',
    Reason.FRAME_INCOMPLETE: "Packets missing, or the region is not in the image: network, packet size, `[view]`",
    Reason.FRAME_QUALITY: "Outside the recipe's `[frame]`: lamp, lens, dirt, focus. `linegate snapshot` shows it",
    Reason.FRAME_MISMATCH: "Fits in time or in count, not in both: trigger wire, bouncing, parts closer than "
    "`trigger.min_pitch_ms`, exposure longer than the pitch. Three in a row: `PART_ID_ERROR`",
    Reason.CAPTURE_WINDOW: "The link was held up, or the computer overloaded: PLC link, `linegate report`",
    Reason.FRAME_STALE: "Cycle the camera's power",
    Reason.FRAME_SIZE: "Somebody else has set the camera: close that program, restart the station",
    Reason.MODEL_NOT_LOADED: "It came for a new model that has just failed on trial: alarm `MODEL`",
    Reason.INFERENCE_ERROR: "The station restarts itself; again: GPU, its driver, the log",
    Reason.DEADLINE: "As alarm `DEADLINES`",
    Reason.OUTPUT_INVALID: "`linegate model verify FILE`; if that is good, GPU memory or the computer's",
    Reason.PLC_LINK: "Cable, switch, PLC in STOP: `linegate plc probe`",
    Reason.JOB_UNKNOWN: "The PLC asks for a job that is not in `other_recipes`",
    Reason.RING_OVERRUN: "As status bit `RING_OVERRUN`",
    Reason.JOB_CHANGE: "Nothing: the belt was not empty when the job was changed",
    Reason.OFFLINE: "Nothing, while it is meant: `linegate resume`, or SET_OFFLINE at the PLC",
    Reason.JOURNAL: "Disk full, failing or slow ([below](#disk-full)); `journal.required` asks for it",
    Reason.AGENT_DOWN: "`linegate report` shows when; `journalctl` shows why",
}
"""Member: what to look at, what to do."""
REMEDIES: Mapping[type[IntEnum | IntFlag], Mapping[Any, str | tuple[str, str]]] = {
    Alarm: ALARM,
    Status: STATUS,
    Reason: REASON,
}
