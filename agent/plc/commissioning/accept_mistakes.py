"""What PLC programs get wrong, and how to mend it: the table behind every failed step of an acceptance run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """In the PLC programmer's words."""

    likely: str
    mend: str


ALWAYS_ENABLED = Mistake(
    "TRIGGER_ENABLE does not depend on the agent", "TRIGGER_ENABLE := agent_ready AND the line may run"
)
NO_ECHO = Mistake("AGENT_HB is not copied", "AGENT_HB_ECHO := AGENT_HB in every scan")
UNDECIDED = Mistake(
    "a part waits for its verdict, or its outcome is not written",
    "at the decision point, whatever has come: OUTCOME[seq MOD 16] := outcome XOR seq",
)
SEQ_JUMPS = Mistake(
    "seq does not count by one a part, or is not skipped from 65535 to 1", "seq := seq MOD 65535 + 1 at each trigger"
)
SAME_ID = Mistake("part_id is not the part's own", "fill the trigger's slot with the id of this part, before TRIG_HEAD")
NOT_TAKEN = Mistake(
    "verdicts come too late, or their slot is not recognised",
    "compare confirmed_ms with DECIDE_MS; check slot = seq MOD 16, part_lo, both epochs, READY",
)
BY_ARRIVAL = Mistake(
    "verdicts are taken in their order of arrival", "find a part's verdict in slot seq MOD 16, never 'the next one'"
)
DECODED_WRONGLY = Mistake(
    "the verdict word is decoded wrongly, or another part's slot is taken",
    "outcome follows (verdict XOR seq): 16#5AA5 PASS, 16#A55A REJECT, 16#3CC3 NO_DECISION",
)
PROMISES_TOO_MUCH = Mistake(
    "DECIDE_MS promises more time than there is",
    "DECIDE_MS is the time from photo-eye to decision point, at the line's highest speed",
)
COUNTS_DIFFER = Mistake(
    "the PLC counts something else than its outcomes", "count at the decision point, by the outcome, once a part"
)
PASS_BY_DEFAULT = Mistake(
    "parts start as PASS, or the last verdict is used again",
    "start every part as REJECT; only its own PASS word changes that",
)
OTHER_OUTCOME = Mistake("the outcome word is not the verdict copied", "no verdict copied: OUTCOME := 16#C33C XOR seq")
NEVER_PASSES = Mistake("nothing passes: see step b", "see step b")
DEAF = Mistake(
    "AGENT_HB is not watched",
    "restart a timer whenever AGENT_HB changes; when it runs out (500 ms; 2 s at most) clear agent_ready, and with it "
    "TRIGGER_ENABLE, and take no verdict",
)
STALE_EPOCH = Mistake(
    "the agent's epoch is not latched with the part",
    "store AGENT_EPOCH with each part at its trigger, and take a verdict only while it is the same",
)
EPOCH_NOT_RETENTIVE = Mistake(
    "PLC_EPOCH is not retentive, or not counted at start", "keep it RETAIN and add 1 in the first scan of each start"
)
OLD_HEAD = Mistake(
    "the part queue outlives the restart, but its parts have moved",
    "at start clear queue and ring, and begin with TRIG_HEAD = 0",
)
NOT_BACK = Mistake(
    "the PLC does not take the agent back", "agent_ready := heartbeat moves AND READY AND PLC_EPOCH_ECHO = PLC_EPOCH"
)
JOB_RACE = Mistake(
    "a part is announced before the station has confirmed the job",
    "no trigger before JOB_CURRENT equals JOB_SELECT",
)
ORDER_NOT_OBEYED = Mistake(
    "the order is in CTRL, but the outcome does not follow it", "see CTRL and CHALLENGE in the map"
)
LINE_STANDS = Mistake("the line stands, or no part is on it", "let parts run past the photo-eye during the whole run")
NO_STOP = Mistake(
    "STOP_REQUEST is not watched", "STATUS b15 STOP_REQUEST stops the line; CLEAR_FAULT by an operator starts it again"
)
