"""The agent's half of the handshake, pure: blocks read, verdicts and clock in; triggers and the block to write out.

Exactly one decision a part: a part is *open* from its trigger until it is *settled* by a verdict or by its
deadline, whichever comes first; *released* when the verdict may go on the wire (its journal row is on disk);
*closed* when the PLC's outcome word says what became of it, or no word came in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.decision import NO_CTRL, Closed, Decision, Observation, Timing
from agent.plc.register_map import (
    AGENT_BLOCK,
    MAP_ID,
    PLC_BLOCK,
    RING_SLOTS,
    Ctrl,
    OutcomeCode,
    Status,
    VerdictCode,
    next_seq,
    seq_distance,
)

MS = 1_000_000
NO_STATUS = Status(0)
NEVER_LOST = RING_SLOTS - 1
"""At the wrap 65535 → 1 one slot is left out, so only so many newest triggers are sure to be in the ring."""
OUTCOME_PATIENCE_MS = 1000
"""After the decision point the PLC's outcome word must show within this, else the part closes as unknown."""

_VERDICT_CODES = {
    Verdict.PASS: VerdictCode.PASS,
    Verdict.REJECT: VerdictCode.REJECT,
    Verdict.NO_DECISION: VerdictCode.NO_DECISION,
}
_MISSED = {
    Reason.CAPTURE_WINDOW: Status.MISSED_ACQ,
    Reason.FRAME_TIMEOUT: Status.MISSED_ACQ,
    Reason.CAMERA_LOST: Status.MISSED_ACQ | Status.CAMERA_DOWN,
    Reason.FRAME_MISMATCH: Status.PART_ID_ERROR,
    Reason.RING_OVERRUN: Status.RING_OVERRUN,
}
_ACTIONS = {
    OutcomeCode.PASSED: PlcAction.PASSED,
    OutcomeCode.REJECTED: PlcAction.REJECTED,
    OutcomeCode.NO_DECISION: PlcAction.REJECTED_NO_DECISION,
    OutcomeCode.NO_VERDICT: PlcAction.REJECTED_NO_VERDICT,
}


@dataclass
class _Part:
    trigger: Trigger
    decision: Decision | None = None
    released: bool = False
    acknowledged_ns: int | None = None
    action: PlcAction | None = None
    late: Verdict | None = None


@dataclass
class Handshake:
    """State of the link with one PLC. Not thread-safe: the link serialises access."""

    timing: Timing
    agent_epoch: int
    simulated: bool = False
    model_id: int = 0
    job: int = 0
    classes: tuple[str, ...] = ()
    """Class names in the model's order: the PLC gets the index."""
    _plc_epoch: int | None = None
    _heartbeat_echo: int = 0
    _ctrl: Ctrl = NO_CTRL
    _last_seq: int = 0
    _parts: dict[int, _Part] = field(default_factory=dict)
    _words: list[int] = field(default_factory=lambda: [0] * AGENT_BLOCK.count)
    _sticky: Status = NO_STATUS
    _missed: int = 0
    _late: int = 0
    _heartbeat: int = 0

    # --- PLC → agent -------------------------------------------------------------------------------------------

    def observe(self, words: list[int], sent_ns: int, received_ns: int) -> Observation:
        """Digest one read of PLC_BLOCK; `sent_ns`/`received_ns` bracket the moment it was sampled."""
        head = PLC_BLOCK.get(words, "TRIG_HEAD")
        if PLC_BLOCK.get(words, "MAP_ID") != MAP_ID or head != PLC_BLOCK.get(words, "TRIG_TAIL"):
            return Observation(torn=True)
        self._heartbeat_echo = PLC_BLOCK.get(words, "PLC_HB")
        ctrl = Ctrl(PLC_BLOCK.get(words, "CTRL"))
        if ctrl & ~self._ctrl & Ctrl.CLEAR_FAULT:
            self._sticky = NO_STATUS
        self._ctrl = ctrl
        epoch = PLC_BLOCK.get(words, "PLC_EPOCH")
        dropped, born = self._enter_epoch(epoch, head, received_ns) if epoch != self._plc_epoch else ((), None)
        self._read_outcomes(words)
        fresh, refused = self._new_triggers(words, head, epoch, sent_ns, received_ns, bool(ctrl & Ctrl.BYPASS))
        return Observation(fresh, dropped + refused, False, born, self._heartbeat_echo, ctrl)

    def _enter_epoch(self, epoch: int, head: int, now_ns: int) -> tuple[tuple[Decision, ...], tuple[int, int]]:
        """First read, or the PLC cleared its queue: drop open work, start after what it has announced."""
        dropped = tuple(
            self._settle_no_decision(part, Reason.EPOCH_CHANGED, "the PLC started a new epoch", now_ns)
            for part in self._parts.values()
            if part.decision is None
        )
        for part in self._parts.values():
            part.action = part.action or PlcAction.UNKNOWN
        self._plc_epoch, self._last_seq = epoch, head
        self._words = [0] * AGENT_BLOCK.count
        return dropped, (epoch, head)

    def _new_triggers(
        self, words: list[int], head: int, epoch: int, sent_ns: int, received_ns: int, bypass: bool
    ) -> tuple[tuple[Trigger, ...], tuple[Decision, ...]]:
        fresh: list[Trigger] = []
        refused: list[Decision] = []
        while self._last_seq != head and seq_distance(self._last_seq, head):
            behind = seq_distance(self._last_seq, head) - 1
            self._last_seq = next_seq(self._last_seq)
            trigger, reason = self._read_slot(words, self._last_seq, epoch, behind, (sent_ns, received_ns), bypass)
            part = self._parts[trigger.seq] = _Part(trigger)
            if reason is None:
                fresh.append(trigger)
                continue
            refused.append(self._settle_no_decision(part, reason, "seen too late for a photo", received_ns))
        return tuple(fresh), tuple(refused)

    def _read_slot(
        self, words: list[int], seq: int, epoch: int, behind: int, sampled_ns: tuple[int, int], bypass: bool
    ) -> tuple[Trigger, Reason | None]:
        """The trigger in the ring, and why it may not be photographed (None: it may)."""
        slot = PLC_BLOCK.slot(words, "TRIGGER", seq)
        sent_ns, received_ns = sampled_ns
        if behind >= NEVER_LOST or slot["seq"] != seq:
            gone = Trigger(seq, 0, epoch, sent_ns, sent_ns, sent_ns, received_ns, bypass)
            return gone, Reason.RING_OVERRUN
        age_ms = (PLC_BLOCK.get(words, "PLC_MS") - int(slot["ms"])) & 0xFFFF
        decide_ms = PLC_BLOCK.get(words, "DECIDE_MS")
        # PLC_MS and the slot's ms are each up to one scan old, so the edge is known to ± a scan only;
        # the deadline counts from its earliest possible moment
        earliest_ns = sent_ns - int((age_ms + 2 * self.timing.scan_ms) * MS)
        latest_ns = received_ns - int(age_ms * MS)
        deadline_ns = sent_ns + int((decide_ms - age_ms - self.timing.guard_ms) * MS)
        trigger = Trigger(seq, int(slot["part_id"]), epoch, earliest_ns, latest_ns, deadline_ns, received_ns, bypass)
        return trigger, Reason.CAPTURE_WINDOW if age_ms > self.timing.capture_window_ms else None

    def _read_outcomes(self, words: list[int]) -> None:
        for seq, part in self._parts.items():
            if part.action is None:
                word = int(PLC_BLOCK.slot(words, "OUTCOME", seq)["word"])
                part.action = _ACTIONS.get(OutcomeCode(word ^ seq)) if word ^ seq in _OUTCOMES else None

    def explain_torn(self, words: list[int]) -> str:
        """Why a read could not be used, for a person."""
        found = PLC_BLOCK.get(words, "MAP_ID")
        if found != MAP_ID:
            return f"PLC map id is {found:#06x}, this agent speaks {MAP_ID:#06x}: load the matching PLC program"
        return "torn read: TRIG_HEAD and TRIG_TAIL differ"

    # --- decisions ---------------------------------------------------------------------------------------------

    def settle(self, decision: Decision) -> Decision | None:
        """Settle an open part. None: it was settled before (its deadline passed) and this verdict is late.

        A PASS at or after the deadline becomes NO_DECISION(deadline).
        """
        part = self._parts.get(decision.trigger.seq)
        if part is None or part.decision is not None or part.trigger != decision.trigger:
            self._late += 1
            if part is not None and part.trigger == decision.trigger:
                part.late = decision.verdict
            return None
        if decision.settled_ns >= part.trigger.deadline_ns and decision.verdict is Verdict.PASS:
            self._late += 1
            part.late = decision.verdict
            decision = replace(
                decision, verdict=Verdict.NO_DECISION, reason=Reason.DEADLINE, detail="the verdict came too late"
            )
        part.decision = decision
        return decision

    def withdraw(self, decision: Decision, reason: Reason, detail: str) -> Decision:
        """Replace a settled, not yet released decision by NO_DECISION."""
        part = self._parts[decision.trigger.seq]
        return self._settle_no_decision(part, reason, detail, decision.settled_ns)

    def expire(self, now_ns: int) -> tuple[Decision, ...]:
        """NO_DECISION(deadline) for every open part whose last moment has passed."""
        return tuple(
            self._settle_no_decision(part, Reason.DEADLINE, "no verdict before the deadline", now_ns)
            for part in self._parts.values()
            if part.decision is None and now_ns >= part.trigger.deadline_ns
        )

    def release(self, decision: Decision) -> None:
        """Let a settled decision go on the wire with the next block."""
        seq = decision.trigger.seq
        part = self._parts.get(seq)
        if part is None or part.decision is not decision or decision.trigger.plc_epoch != self._plc_epoch:
            return
        part.released = True
        if decision.verdict is Verdict.NO_DECISION:
            AGENT_BLOCK.put(self._words, "ERROR_CODE", decision.reason)
            self._count_missed(decision.reason)
        AGENT_BLOCK.put_slot(self._words, "RESULT", seq, {
            "seq": seq,
            "verdict": _VERDICT_CODES[decision.verdict] ^ seq,
            "part_lo": decision.trigger.part_id & 0xFFFF,
            "reason": decision.reason,
        })  # fmt: skip
        AGENT_BLOCK.put_slot(self._words, "DETAIL", seq, _detail(decision, self.classes))
        AGENT_BLOCK.put(self._words, "LATENCY_01MS", (decision.settled_ns - decision.trigger.seen_ns) / MS)
        AGENT_BLOCK.put(self._words, "RES_HEAD", seq)
        AGENT_BLOCK.put(self._words, "RES_TAIL", seq)

    def _count_missed(self, reason: Reason) -> None:
        """A part without a photo of its own: counter, and a status bit that stays until CLEAR_FAULT."""
        if reason in _MISSED:
            self._missed += 1
            self._sticky |= _MISSED[reason]

    def close(self, now_ns: int) -> tuple[Closed, ...]:
        """Take out the parts that are finished, oldest first; later ones wait, so that order is kept."""
        closed: list[Closed] = []
        for seq in list(self._parts):
            part = self._parts[seq]
            patience_ns = int((self.timing.guard_ms + OUTCOME_PATIENCE_MS) * MS)
            if part.decision is None or (not part.released and part.decision.trigger.plc_epoch == self._plc_epoch):
                break
            if part.action is None and now_ns < part.trigger.deadline_ns + patience_ns:
                break
            closed.append(_closed(part, part.decision))
            del self._parts[seq]
        return tuple(closed)

    def undecided(self) -> set[int]:
        """Parts with a verdict of which the PLC is yet to say what became."""
        return {seq for seq, part in self._parts.items() if part.decision is not None and part.action is None}

    def _settle_no_decision(self, part: _Part, reason: Reason, detail: str, now_ns: int) -> Decision:
        part.decision = Decision(part.trigger, Verdict.NO_DECISION, reason, now_ns, detail)
        return part.decision

    # --- agent → PLC -------------------------------------------------------------------------------------------

    def exposed(self, seq: int) -> None:
        """The photo of this part is taken: it may move on."""
        AGENT_BLOCK.put(self._words, "EXPOSED_SEQ", seq)

    def block(self, status: Status, alive: bool) -> list[int]:
        """The whole block as it should stand now; `alive` lets the heartbeat advance."""
        self._heartbeat = (self._heartbeat + alive) & 0xFFFF
        pending = Status.RESULT_PENDING if any(part.decision is None for part in self._parts.values()) else NO_STATUS
        status |= self._sticky | pending | (Status.SIMULATED if self.simulated else NO_STATUS)
        for name, value in (
            ("MAP_ID", MAP_ID),
            ("STATUS", status),
            ("AGENT_HB", self._heartbeat),
            ("AGENT_EPOCH", self.agent_epoch),
            ("PLC_EPOCH_ECHO", self._plc_epoch or 0),
            ("PLC_HB_ECHO", self._heartbeat_echo),
            ("TRIG_ACK_SEQ", self._last_seq),
            ("MISSED_CNT", self._missed & 0xFFFF),
            ("LATE_CNT", self._late & 0xFFFF),
            ("JOB_CURRENT", self.job),
            ("MODEL_ID", self.model_id),
        ):
            AGENT_BLOCK.put(self._words, name, value)
        return list(self._words)

    def acknowledged(self, words: list[int], now_ns: int) -> None:
        """The PLC has confirmed the write of `words`: note it for the parts whose verdict was in it."""
        for seq, part in self._parts.items():
            if part.released and part.acknowledged_ns is None and part.decision is not None:
                slot = AGENT_BLOCK.slot(words, "RESULT", seq)
                if slot["seq"] == seq and int(slot["verdict"]) ^ seq == _VERDICT_CODES[part.decision.verdict]:
                    part.acknowledged_ns = now_ns


_OUTCOMES = frozenset(int(code) for code in OutcomeCode)


def _detail(decision: Decision, classes: tuple[str, ...]) -> dict[str, float]:
    counting = [d for d in decision.evidence.judgement.defects if d.counts] if decision.evidence else []
    worst = max(counting, key=lambda defect: defect.area_mm2, default=None)
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


def _closed(part: _Part, decision: Decision) -> Closed:
    """The verdict that stands: what the PLC had when it decided; unsaid, what it confirmed in time."""
    action = part.action or PlcAction.UNKNOWN
    in_time = part.acknowledged_ns is not None and part.acknowledged_ns <= part.trigger.deadline_ns
    lost = action is PlcAction.REJECTED_NO_VERDICT or (action is PlcAction.UNKNOWN and not in_time)
    if not lost or decision.verdict is Verdict.NO_DECISION:
        return Closed(decision, decision.verdict, decision.reason, part.acknowledged_ns, action, part.late)
    return Closed(
        decision, Verdict.NO_DECISION, Reason.PLC_LINK, part.acknowledged_ns, action, part.late or decision.verdict
    )
