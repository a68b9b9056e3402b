"""The agent's half of the handshake, pure: blocks read, verdicts and clock in; triggers and the block to write out.

Exactly one decision a part: a part is *open* from its trigger until it is *settled* by a verdict or by its
deadline, whichever comes first; *released* when the verdict may go on the wire (its journal row is on disk);
*closed* when the PLC's outcome word says what became of it, or no word came in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.decision import MS, NO_CTRL, Closed, Decision, Observation, Sampled, Timing
from agent.plc.part import Part
from agent.plc.register_map import (
    AGENT_BLOCK,
    MAP_ID,
    MAX_SEQ,
    PLC_BLOCK,
    RING_SLOTS,
    Ctrl,
    Status,
    next_seq,
    seq_distance,
)
from agent.plc.slots import holds_result, overrun_trigger, put_result, read_outcome, read_trigger, why_unusable

NO_STATUS = Status(0)
NEVER_LOST = RING_SLOTS - 1
"""At the wrap 65535 → 1 one slot is left out, so only so many newest triggers are sure to be in the ring."""
OUTCOME_PATIENCE_MS = 1000
"""After the decision point the PLC's outcome word must show within this, else the part closes as unknown."""
STALE_MS = 1000
"""A PLC clock that runs backwards for less than this is an old answer come back; for longer, a PLC restarted."""

_MISSED = {
    Reason.CAPTURE_WINDOW: Status.MISSED_ACQ,
    Reason.FRAME_TIMEOUT: Status.MISSED_ACQ,
    Reason.CAMERA_LOST: Status.MISSED_ACQ | Status.CAMERA_DOWN,
    Reason.FRAME_MISMATCH: Status.PART_ID_ERROR,
    Reason.RING_OVERRUN: Status.RING_OVERRUN,
}


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
    _last_read: tuple[int, int] = (0, 0)
    """PLC_MS of the newest good read, and when it came."""
    _parts: dict[tuple[int, int], Part] = field(default_factory=dict)
    _words: list[int] = field(default_factory=lambda: [0] * AGENT_BLOCK.count)
    _sticky: Status = NO_STATUS
    _missed: int = 0
    _late: int = 0
    _heartbeat: int = 0

    # --- PLC → agent -------------------------------------------------------------------------------------------

    def observe(self, words: list[int], sent_ns: int, received_ns: int) -> Observation:
        """Digest one read of PLC_BLOCK; `sent_ns`/`received_ns` bracket the moment it was sampled."""
        head = PLC_BLOCK.get(words, "TRIG_HEAD")
        whole = PLC_BLOCK.get(words, "MAP_ID") == MAP_ID and head == PLC_BLOCK.get(words, "TRIG_TAIL")
        if not whole or self._ran_back(words, received_ns):
            return Observation(torn=True)
        self._last_read = PLC_BLOCK.get(words, "PLC_MS"), received_ns
        self._heartbeat_echo = PLC_BLOCK.get(words, "PLC_HB")
        ctrl = Ctrl(PLC_BLOCK.get(words, "CTRL"))
        if ctrl & ~self._ctrl & Ctrl.CLEAR_FAULT:
            self._sticky = NO_STATUS
        self._ctrl = ctrl
        epoch = PLC_BLOCK.get(words, "PLC_EPOCH")
        backwards = seq_distance(self._last_seq, head) > MAX_SEQ // 2
        dropped: tuple[Decision, ...] = ()
        born = None
        if epoch != self._plc_epoch or backwards:
            dropped, born = self._enter_epoch(epoch, head, received_ns)
        self._read_outcomes(words)
        sampled = Sampled(sent_ns, received_ns)
        fresh, refused = self._new_triggers(words, head, sampled, bool(ctrl & Ctrl.BYPASS))
        return Observation(fresh, dropped + refused, False, born, self._heartbeat_echo, ctrl)

    def _ran_back(self, words: list[int], received_ns: int) -> bool:
        """An answer older than one already digested would announce parts a second time."""
        newest_ms, newest_ns = self._last_read
        older = (PLC_BLOCK.get(words, "PLC_MS") - newest_ms) & 0xFFFF > 0x7FFF
        recently = received_ns - newest_ns < STALE_MS * MS
        return older and recently and PLC_BLOCK.get(words, "PLC_EPOCH") == self._plc_epoch

    def _enter_epoch(self, epoch: int, head: int, now_ns: int) -> tuple[tuple[Decision, ...], tuple[int, int]]:
        """First read, or the PLC cleared its queue: drop open work, start after what it has announced.

        A head that ran backwards is a PLC that restarted without counting its epoch up.
        """
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
        self, words: list[int], head: int, sampled: Sampled, bypass: bool
    ) -> tuple[tuple[Trigger, ...], tuple[Decision, ...]]:
        """Every seq up to the head, each once: to be photographed, or refused with the reason."""
        fresh: list[Trigger] = []
        refused: list[Decision] = []
        while behind := seq_distance(self._last_seq, head):
            self._last_seq = next_seq(self._last_seq)
            trigger = read_trigger(words, self._last_seq, sampled, self.timing, bypass)
            if behind > NEVER_LOST or trigger is None:
                trigger, reason = overrun_trigger(words, self._last_seq, sampled, bypass), Reason.RING_OVERRUN
            else:
                reason = Reason.OK if self._photo_allowed(trigger, sampled) else Reason.CAPTURE_WINDOW
            part = self._parts[trigger.key] = Part(trigger)
            if reason is Reason.OK:
                fresh.append(trigger)
            else:
                refused.append(self._settle_no_decision(part, reason, "seen too late for a photo", sampled.received_ns))
        return tuple(fresh), tuple(refused)

    def _photo_allowed(self, trigger: Trigger, sampled: Sampled) -> bool:
        """An old trigger's part has moved on; the answer may have been under way for the whole exchange."""
        oldest_ns = trigger.latest_ns - (sampled.received_ns - sampled.sent_ns)
        return sampled.received_ns - oldest_ns <= self.timing.capture_window_ms * MS

    def _read_outcomes(self, words: list[int]) -> None:
        for part in self._parts.values():
            if part.action is None:
                part.action = read_outcome(words, part.trigger.seq)

    def explain_torn(self, words: list[int]) -> str:
        """Why a read could not be used, for a person."""
        return why_unusable(words)

    # --- decisions ---------------------------------------------------------------------------------------------

    def settle(self, decision: Decision) -> Decision | None:
        """Settle an open part. None: it was settled before (its deadline passed) and this verdict is late.

        A PASS at or after the deadline becomes NO_DECISION(deadline).
        """
        part = self._parts.get(decision.trigger.key)
        if part is None or part.decision is not None:
            self._late += 1
            if part is not None:
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
        part = self._parts[decision.trigger.key]
        return self._settle_no_decision(part, reason, detail, decision.settled_ns)

    def expire(self, now_ns: int) -> tuple[Decision, ...]:
        """NO_DECISION(deadline) for every open part whose last moment has passed."""
        return tuple(
            self._settle_no_decision(part, Reason.DEADLINE, "no verdict before the deadline", now_ns)
            for part in self._parts.values()
            if part.decision is None and now_ns >= part.trigger.deadline_ns
        )

    def release(self, decision: Decision) -> None:
        """Let a settled decision go on the wire with the next block; one of an epoch that ended goes nowhere."""
        part = self._parts.get(decision.trigger.key)
        if part is None or part.decision is not decision:
            return
        part.released = True
        if decision.trigger.plc_epoch != self._plc_epoch:
            return
        if decision.verdict is Verdict.NO_DECISION:
            AGENT_BLOCK.put(self._words, "ERROR_CODE", decision.reason)
            self._count_missed(decision.reason)
        put_result(self._words, decision, self.classes)

    def _count_missed(self, reason: Reason) -> None:
        """A part without a photo of its own: counter, and a status bit that stays until CLEAR_FAULT."""
        if reason in _MISSED:
            self._missed += 1
            self._sticky |= _MISSED[reason]

    def close(self, now_ns: int) -> tuple[Closed, ...]:
        """Take out the parts that are finished, oldest first; later ones wait, so that order is kept."""
        closed: list[Closed] = []
        patience_ns = int((self.timing.guard_ms + OUTCOME_PATIENCE_MS) * MS)
        for key, part in list(self._parts.items()):
            if part.decision is None or not part.released:
                break
            if part.action is None and now_ns < part.trigger.deadline_ns + patience_ns:
                break
            closed.append(part.closed(part.decision))
            del self._parts[key]
        return tuple(closed)

    def undecided(self) -> set[tuple[int, int]]:
        """Keys of the parts with a verdict of which the PLC is yet to say what became."""
        return {key for key, part in self._parts.items() if part.decision is not None and part.action is None}

    def _settle_no_decision(self, part: Part, reason: Reason, detail: str, now_ns: int) -> Decision:
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
        for part in self._parts.values():
            waiting = part.decision if part.released and part.acknowledged_ns is None else None
            if waiting is not None and holds_result(words, waiting):
                part.acknowledged_ns = now_ns
