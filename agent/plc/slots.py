"""Slots of the two blocks ↔ records. Pure; the handshake decides what they mean."""

from __future__ import annotations

from agent.inspection import Defect, PlcAction, Trigger, Verdict
from agent.plc.decision import MS, Decision, Sampled, Timing
from agent.plc.register_map import AGENT_BLOCK, MAP_ID, PLC_BLOCK, RING_SLOTS, Ctrl, OutcomeCode, VerdictCode

EDGE_AHEAD = 1024
"""ms or encoder counts by which a slot may be ahead of its block's header: latched by interrupt, a belt jogged back."""
BELT_STANDS_MS = 30_000.0
"""How far off a decision point is that the belt does not move towards."""
_VERDICT_CODES = {
    Verdict.PASS: VerdictCode.PASS,
    Verdict.REJECT: VerdictCode.REJECT,
    Verdict.NO_DECISION: VerdictCode.NO_DECISION,
}
_ACTIONS = {
    OutcomeCode.PASSED: PlcAction.PASSED,
    OutcomeCode.REJECTED: PlcAction.REJECTED,
    OutcomeCode.NO_DECISION: PlcAction.REJECTED_NO_DECISION,
    OutcomeCode.NO_VERDICT: PlcAction.REJECTED_NO_VERDICT,
}


def read_trigger(words: list[int], seq: int, sampled: Sampled, timing: Timing) -> Trigger | None:
    """The trigger in the ring; None when its slot holds another.

    PLC_MS and the slot's ms are each up to one scan old, so the edge is known to two scans only; the deadline
    counts from its earliest possible moment. Job and setup are not the PLC's to say: the handshake adds them.
    """
    slot = PLC_BLOCK.slot(words, "TRIGGER", seq)
    if slot["seq"] != seq:
        return None
    age_ms = _age_ms(words, seq)
    return Trigger(
        seq,
        int(slot["part_id"]),
        PLC_BLOCK.get(words, "PLC_EPOCH"),
        earliest_ns=sampled.sent_ns - int((age_ms + 2 * timing.scan_ms) * MS),
        latest_ns=sampled.received_ns - age_ms * MS,
        deadline_ns=read_deadline_ns(words, seq, int(slot["enc"]), sampled, timing),
        seen_ns=sampled.received_ns,
        bypass=bool(PLC_BLOCK.get(words, "CTRL") & Ctrl.BYPASS),
        challenge=bool(PLC_BLOCK.get(words, "CHALLENGE") >> seq % RING_SLOTS & 1),
        enc=int(slot["enc"]),
    )


def read_deadline_ns(words: list[int], seq: int, enc: int, sampled: Sampled, timing: Timing) -> int:
    """The last moment for a PASS: by the PLC's clock, while the ring has the part, or by its encoder at today's speed.

    `enc`: the encoder's low word when the part passed the photo-eye; with it the ring may have gone on.
    """
    counts = PLC_BLOCK.get(words, "DECIDE_COUNTS")
    if not counts:
        left_ms = float(PLC_BLOCK.get(words, "DECIDE_MS") - _age_ms(words, seq))
    else:
        travelled = _since(enc, PLC_BLOCK.get(words, "ENC_NOW"))
        counts_per_s = PLC_BLOCK.get(words, "ENC_HZ")
        stands_ms = BELT_STANDS_MS if travelled < counts else 0.0
        left_ms = min((counts - travelled) / counts_per_s * 1000, BELT_STANDS_MS) if counts_per_s else stands_ms
    return sampled.sent_ns + int((left_ms - timing.guard_ms) * MS)


def _age_ms(words: list[int], seq: int) -> int:
    return _since(int(PLC_BLOCK.slot(words, "TRIGGER", seq)["ms"]), PLC_BLOCK.get(words, "PLC_MS"))


def _since(then: int, now: int) -> int:
    """Counts of a wrapping u16; an edge that was latched a little after the scan's own inputs is of this moment."""
    passed = (now - then) & 0xFFFF
    return passed if passed <= 0xFFFF - EDGE_AHEAD else 0


def overrun_trigger(words: list[int], seq: int, sampled: Sampled) -> Trigger:
    """Stands for a trigger that the ring no longer holds: its part and its time are not known."""
    sent_ns, epoch = sampled.sent_ns, PLC_BLOCK.get(words, "PLC_EPOCH")
    bypass = bool(PLC_BLOCK.get(words, "CTRL") & Ctrl.BYPASS)
    enc = PLC_BLOCK.get(words, "ENC_NOW") & 0xFFFF
    return Trigger(seq, 0, epoch, sent_ns, sent_ns, sent_ns, sampled.received_ns, bypass, enc=enc)


def why_unusable(words: list[int]) -> str:
    """What is wrong with a read that was discarded, for a person."""
    found = PLC_BLOCK.get(words, "MAP_ID")
    if found != MAP_ID:
        return f"PLC map id is {found:#06x}, this agent speaks {MAP_ID:#06x}: load the matching PLC program"
    if PLC_BLOCK.get(words, "TRIG_HEAD") == PLC_BLOCK.get(words, "TRIG_TAIL"):
        return "stale read: PLC_MS ran backwards"
    return "torn read: TRIG_HEAD and TRIG_TAIL differ"


def read_outcome(words: list[int], seq: int) -> PlcAction | None:
    """What the PLC did with the part; None while its word does not prove itself."""
    code = int(PLC_BLOCK.slot(words, "OUTCOME", seq)["word"]) ^ seq
    return next((action for outcome, action in _ACTIONS.items() if outcome == code), None)


def put_result(words: list[int], decision: Decision, classes: tuple[str, ...]) -> None:
    """Write the decision's slots, the detail of its worst defect, and the heads."""
    seq = decision.trigger.seq
    AGENT_BLOCK.put_slot(words, "RESULT", seq, {
        "seq": seq,
        "verdict": _VERDICT_CODES[decision.verdict] ^ seq,
        "part_lo": decision.trigger.part_id & 0xFFFF,
        "reason": decision.reason,
    })  # fmt: skip
    AGENT_BLOCK.put_slot(words, "DETAIL", seq, _detail(decision, classes))
    AGENT_BLOCK.put(words, "LATENCY_01MS", (decision.settled_ns - decision.trigger.seen_ns) / MS)
    AGENT_BLOCK.put(words, "RES_HEAD", seq)
    AGENT_BLOCK.put(words, "RES_TAIL", seq)


def holds_result(words: list[int], decision: Decision) -> bool:
    """Does this block carry the decision's verdict?"""
    seq = decision.trigger.seq
    slot = AGENT_BLOCK.slot(words, "RESULT", seq)
    return slot["seq"] == seq and int(slot["verdict"]) ^ seq == _VERDICT_CODES[decision.verdict]


def _detail(decision: Decision, classes: tuple[str, ...]) -> dict[str, float]:
    counting, worst = _counting(decision), worst_defect(decision)
    seq = decision.trigger.seq
    return {
        "seq": seq,
        "class": classes.index(worst.name) if worst else 0,
        "count": len(counting),
        "area": worst.area_mm2 if worst else 0,
        "x": worst.x_mm if worst else 0,
        "y": worst.y_mm if worst else 0,
        "score": worst.score if worst else 0,
        "seq_copy": seq,
    }


def worst_defect(decision: Decision) -> Defect | None:
    """The largest of the defects that count."""
    return max(_counting(decision), key=lambda defect: defect.area_mm2, default=None)


def _counting(decision: Decision) -> list[Defect]:
    return [d for d in decision.evidence.judgement.defects if d.counts] if decision.evidence else []
