"""What each bit and code of the register map means, one short sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import Any

from agent.inspection import Reason
from agent.plc.register_map import Alarm, Command, Ctrl, OutcomeCode, Status, VerdictCode

CTRL = {
    Ctrl.TRIGGER_ENABLE: "parts may come: the agent is READY, the job is set and the line is not stopped",
    Ctrl.LINE_RUNNING: "the belt may run",
    Ctrl.SET_OFFLINE: "level: the station takes no photo, every part gets NO_DECISION(OFFLINE)",
    Ctrl.CLEAR_FAULT: "rising edge: clears ALARM, ERROR_CODE and the sticky bits of STATUS",
    Ctrl.BYPASS: "keyed: the PLC lets every part pass; shown in STATUS and in every message, out of yield",
    Ctrl.REJECT_ALL: "level: no part announced or settled meanwhile may be PASS",
    Ctrl.HW_TRIGGER: "the photo-eye is wired to the camera too; the ring only announces",
}
STATUS = {
    Status.ONLINE: "the station runs, is not set offline, and camera and PLC are in step (PART_ID_ERROR)",
    Status.READY: "model, camera and PLC link are good: triggers may be enabled",
    Status.ACQUIRING: "a part is announced and its photo not yet taken",
    Status.BUSY: "a photo is taken and its verdict is not yet found",
    Status.RESULT_PENDING: "a part waits for its verdict",
    Status.MISSED_ACQ: "sticky: a part got no photo (too old, no frame, camera lost)",
    Status.RING_OVERRUN: "sticky: a trigger was overwritten in the ring before it was read",
    Status.FAULT: "a stage of the station is over its budget; AGENT_HB stands still",
    Status.WARN: "an alarm is latched that does not stop the line; see ALARM",
    Status.FAIL_OPEN: "the reject arm is wired so that a dead wire lets parts pass",
    Status.CMD_FAILED: "the newest command or JOB_SELECT is not known here",
    Status.CAMERA_DOWN: "sticky: the camera was lost",
    Status.PART_ID_ERROR: "sticky: photo and part could not be matched for certain; with ONLINE gone: nor can the next "
    "ones, clear the belt, then CLEAR_FAULT",
    Status.SIMULATED: "camera or belt are simulated: no part is really inspected",
    Status.BYPASSED: "BYPASS as last read",
    Status.STOP_REQUEST: "stop the line; see ALARM, latched until CLEAR_FAULT",
}
ALARM = {
    Alarm.CONSECUTIVE_REJECTS: "too many REJECT in a row: dirty lens, dead light or a wrong job, or the parts are bad",
    Alarm.CONSECUTIVE_NO_DECISIONS: "too many NO_DECISION in a row: the station cannot inspect; see ERROR_CODE",
    Alarm.CHALLENGE_PASSED: "a part known to be bad was judged PASS: the station does not see what it must",
    Alarm.PASSED_UNPROVEN: "the PLC reports a part as passed whose verdict was not PASS",
    Alarm.REJECTS_UNCONFIRMED: "too many rejects in a row that the confirm sensor did not see",
    Alarm.DEFECT: "a defect whose recipe says reject and alarm",
    Alarm.MISSED_REJECT: "a reject pulse came late or not at all",
    Alarm.UNCONFIRMED_REJECT: "a reject that the confirm sensor did not see",
    Alarm.DEADLINES: "more than 1 of the last 1000 parts got no verdict before the deadline",
    Alarm.JOURNAL: "rows wait for the disk, a verdict became NO_DECISION for it, or the journal was damaged",
    Alarm.UNSOLICITED_FRAME: "a photo was taken although the photo-eye saw no part: bad trigger wire, or bouncing",
    Alarm.DRIFT: "light, sharpness, defect rate or scores have left their usual range: linegate watch says which",
    Alarm.EVIDENCE: "images that should be kept were lost: the disk is full, or too slow",
    Alarm.MODEL: "a new model failed on its first parts: the one before it is back",
}
COMMAND = {
    Command.CLEAR_COUNTERS: "sets all counters of the agent's block to 0",
    Command.CHALLENGE_NEXT: "the next part announced is known to be bad",
}
VERDICT = {
    VerdictCode.PASS: "proven good: the only word that lets a part through",
    VerdictCode.REJECT: "a defect counts, REJECT_ALL, or a challenge part; a word that is no code is REJECT too",
    VerdictCode.NO_DECISION: "could not be inspected in time; reason says why; the PLC rejects it",
}
OUTCOME = {
    OutcomeCode.PASSED: "the part was let through",
    OutcomeCode.REJECTED: "rejected by its verdict, or overruled by the PLC",
    OutcomeCode.NO_DECISION: "rejected: the verdict was NO_DECISION",
    OutcomeCode.NO_VERDICT: "rejected: no verdict had come before the decision point",
}
REASON = {
    Reason.OK: "nothing found",
    Reason.DEFECT: "a defect counts",
    Reason.REJECT_ALL: "the PLC ordered REJECT_ALL",
    Reason.CHALLENGE: "a challenge part that was judged PASS",
    Reason.CHALLENGE_REJECTED: "a challenge part that was judged REJECT, as it must be",
    Reason.MAP_ID: "the PLC's map is another",
    Reason.EPOCH_CHANGED: "the PLC restarted or cleared its queue",
    Reason.CAMERA_LOST: "the camera is gone",
    Reason.FRAME_TIMEOUT: "no frame came",
    Reason.FRAME_INCOMPLETE: "the frame is not whole",
    Reason.FRAME_QUALITY: "too dark, too bright, saturated or blurred",
    Reason.FRAME_MISMATCH: "frame and part cannot be matched for certain",
    Reason.CAPTURE_WINDOW: "announced too late for a photo: the part has moved on",
    Reason.FRAME_STALE: "the same picture as before: the camera has frozen",
    Reason.FRAME_SIZE: "the photo has not the size it must have",
    Reason.MODEL_NOT_LOADED: "the model that was to inspect it has been withdrawn",
    Reason.INFERENCE_ERROR: "the model failed",
    Reason.DEADLINE: "no verdict before the deadline",
    Reason.OUTPUT_INVALID: "the model's output is not finite or not written",
    Reason.PLC_LINK: "the verdict did not reach the PLC",
    Reason.JOB_UNKNOWN: "JOB_SELECT is no recipe of this station",
    Reason.RING_OVERRUN: "the trigger was overwritten before it was read",
    Reason.JOB_CHANGE: "announced while the job changed",
    Reason.OFFLINE: "SET_OFFLINE is on or an operator has paused the station",
    Reason.JOURNAL: "not in the journal in time (journal.required)",
    Reason.AGENT_DOWN: "the agent was not running; filled in at its restart",
}
MEANINGS: Mapping[type[IntEnum | IntFlag], Mapping[Any, str]] = {
    Ctrl: CTRL,
    Status: STATUS,
    Alarm: ALARM,
    Command: COMMAND,
    VerdictCode: VERDICT,
    OutcomeCode: OUTCOME,
    Reason: REASON,
}
"""By class: members of two classes may be equal as numbers."""


def meaning(member: IntEnum | IntFlag) -> str:
    """One short sentence."""
    return MEANINGS[type(member)][member]
