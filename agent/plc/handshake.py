"""The agent's half of profile A's handshake, pure: blocks read and verdicts in; triggers and the block to write out.

What becomes of each part is in the ledger; here is what the PLC's block says and what ours answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from agent.inspection import Reason, Trigger
from agent.plc.alarms import AlarmLimits
from agent.plc.counters import Counters
from agent.plc.decision import MS, Decision, Observation, Sampled, Situation, Timing
from agent.plc.facts import Facts
from agent.plc.ledger import OUT_OF_STEP, PAUSED, Ledger
from agent.plc.orders import Orders
from agent.plc.register_map import (
    AGENT_BLOCK,
    MAP_ID,
    MAX_SEQ,
    PLC_BLOCK,
    RING_SLOTS,
    Command,
    Ctrl,
    Status,
    names_of,
    next_seq,
    seq_distance,
)
from agent.plc.slots import (
    holds_result,
    overrun_trigger,
    put_result,
    read_deadline_ns,
    read_outcome,
    read_trigger,
    why_unusable,
)
from agent.setup import Setup

NO_STATUS = Status(0)
NEVER_LOST = RING_SLOTS - 1
"""At the wrap 65535 → 1 one slot is left out, so only so many newest triggers are sure to be in the ring."""
STALE_MS = 1000
"""A PLC clock that runs backwards for less than this is an old answer come back; for longer, a PLC restarted."""
BEATS_APART = 8191
"""Two lives of the agent begin so far apart that the PLC's echo of the old one's beat is not one of the new one's."""
CLOCK_KNOWN_MS = 30_000
"""PLC_MS wraps after 65 s: after a silence longer than this nobody can tell how old a trigger is."""


@dataclass
class Handshake:
    """State of the link with one PLC. Not thread-safe: the link serialises access."""

    announces_every_part: ClassVar[bool] = True

    timing: Timing
    agent_epoch: int
    facts: Facts = field(default_factory=Facts)
    limits: AlarmLimits = field(default_factory=AlarmLimits)
    own_arm: bool = False
    """What became of a part is said by our own coils (reject_arm.py), not by the PLC's outcome words."""
    ledger: Ledger = field(init=False)
    _orders: Orders = field(init=False)
    _plc_epoch: int | None = None
    _heartbeat_echo: int = 0
    _last_seq: int = 0
    _last_read: tuple[int, int] = (0, 0)
    """PLC_MS of the newest good read, and when it came."""
    _silent_ns: int = 0
    """How long the PLC had been silent before the newest good read."""
    _words: list[int] = field(default_factory=lambda: [0] * AGENT_BLOCK.count)
    _heartbeat: int = field(init=False)

    def __post_init__(self) -> None:
        self._heartbeat = self.agent_epoch * BEATS_APART & 0xFFFF
        self.ledger = Ledger(self.timing.guard_ms, self.limits)
        self._orders = Orders(tuple(self.facts.setup.recipes))

    # --- PLC → agent -------------------------------------------------------------------------------------------

    def observe(self, words: list[int], sent_ns: int, received_ns: int) -> Observation:
        """Digest one read of PLC_BLOCK; `sent_ns`/`received_ns` bracket the moment it was sampled."""
        head = PLC_BLOCK.get(words, "TRIG_HEAD")
        whole = PLC_BLOCK.get(words, "MAP_ID") == MAP_ID and head == PLC_BLOCK.get(words, "TRIG_TAIL")
        if not whole or self._ran_back(words, received_ns):
            return Observation(torn=True)
        self._silent_ns = received_ns - self._last_read[1]
        self._last_read = PLC_BLOCK.get(words, "PLC_MS"), received_ns
        self._heartbeat_echo = PLC_BLOCK.get(words, "PLC_HB")
        epoch = PLC_BLOCK.get(words, "PLC_EPOCH")
        newborn = epoch != self._plc_epoch or seq_distance(self._last_seq, head) > MAX_SEQ // 2
        dropped, born = self._enter_epoch(epoch, head, received_ns) if newborn else ((), None)
        sampled = Sampled(sent_ns, received_ns)
        self._obey(words, newborn, sent_ns)
        self._update_parts(words, sampled)
        fresh, refused = self._new_triggers(words, head, sampled)
        return Observation(fresh, dropped + refused, False, born, self._heartbeat_echo, self._orders.ctrl)

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
        dropped = self.ledger.drop_all(now_ns)
        self._plc_epoch, self._last_seq = epoch, head
        self._words = [0] * AGENT_BLOCK.count
        return dropped, (epoch, head)

    def _obey(self, words: list[int], newborn: bool, sent_ns: int) -> None:
        self._orders.digest(words, newborn, sent_ns)
        self.ledger.reject_all = bool(self._orders.ctrl & Ctrl.REJECT_ALL)
        if self._orders.cleared:
            self.ledger.clear_faults()
        if self._orders.command is Command.CLEAR_COUNTERS:
            self.ledger.counters = Counters()
        elif self._orders.command is Command.CHALLENGE_NEXT:
            self.ledger.challenge_next = True

    def _update_parts(self, words: list[int], sampled: Sampled) -> None:
        """What the PLC did with parts, and where belt speed has moved their decision point to."""
        ctrl = self._orders.ctrl
        stands = not ctrl & Ctrl.LINE_RUNNING and PLC_BLOCK.get(words, "TRIG_HEAD") == self._last_seq
        self.ledger.watch_line(bool(ctrl & Ctrl.BYPASS), self._silent_ns if stands else 0)
        by_encoder = PLC_BLOCK.get(words, "DECIDE_COUNTS") > 0
        for part in self.ledger.parts.values():
            seq = part.trigger.seq
            if part.action is None and not self.own_arm:
                part.action = read_outcome(words, seq)
            if by_encoder and part.action is None:
                part.move_deadline(read_deadline_ns(words, seq, part.trigger.enc, sampled, self.timing), sampled)

    def _new_triggers(
        self, words: list[int], head: int, sampled: Sampled
    ) -> tuple[tuple[Trigger, ...], tuple[Decision, ...]]:
        """Every seq up to the head, each once: to be photographed, or refused with the reason."""
        fresh: list[Trigger] = []
        refused: list[Decision] = []
        while behind := seq_distance(self._last_seq, head):
            self._last_seq = next_seq(self._last_seq)
            trigger = read_trigger(words, self._last_seq, sampled, self.timing)
            if behind > NEVER_LOST or trigger is None:
                trigger, reason = overrun_trigger(words, self._last_seq, sampled), Reason.RING_OVERRUN
            else:
                reason = self._orders.refusal() or self.ledger.refusal() or self._photo_refusal(trigger, sampled)
            trigger = replace(trigger, job=self._orders.job, setup=self.facts.setup)
            trigger = self.ledger.open(trigger, reason is Reason.OK)
            if reason is Reason.OK:
                fresh.append(trigger)
            else:
                refused.append(self.ledger.refuse(trigger, reason, self._why(reason), sampled.received_ns))
        return tuple(fresh), tuple(refused)

    def _why(self, reason: Reason) -> str:
        paused_by = self.ledger.paused_by if reason is Reason.OFFLINE else ""
        return PAUSED.format(paused_by) if paused_by else _REFUSALS[reason]

    def _photo_refusal(self, trigger: Trigger, sampled: Sampled) -> Reason:
        """An old trigger's part has moved on; the answer may have been under way for the whole exchange."""
        oldest_ns = trigger.latest_ns - (sampled.received_ns - sampled.sent_ns)
        young = sampled.received_ns - oldest_ns <= self.timing.capture_window_ms * MS
        known = self._silent_ns < CLOCK_KNOWN_MS * MS
        return Reason.OK if young and known else Reason.CAPTURE_WINDOW

    def explain_torn(self, words: list[int]) -> str:
        """Why a read could not be used, for a person."""
        return why_unusable(words)

    @property
    def job_of_plc(self) -> int:
        """JOB_SELECT; 0 = the PLC selects none."""
        return self._orders.selected

    def select_job(self, job: int, now_ns: int) -> None:
        """An operator's choice, where the PLC selects none."""
        self._orders.choose(job, now_ns)

    def change_setup(self, setup: Setup) -> None:
        """Parts announced from now on carry it; it has the same job numbers."""
        self.facts = replace(self.facts, setup=setup)

    # --- decisions ---------------------------------------------------------------------------------------------

    def release(self, decision: Decision) -> None:
        """Let a settled decision go on the wire with the next block; one of an epoch that ended goes nowhere."""
        if self.ledger.release(decision) and decision.trigger.plc_epoch == self._plc_epoch:
            put_result(self._words, decision, (decision.trigger.setup or self.facts.setup).classes)

    # --- agent → PLC -------------------------------------------------------------------------------------------

    def exposed(self, trigger: Trigger) -> None:
        """The photo of this part is taken: it may move on."""
        part = self.ledger.parts.get(trigger.key)
        if part is not None and trigger.plc_epoch == self._plc_epoch:
            part.exposed = True
            AGENT_BLOCK.put(self._words, "EXPOSED_SEQ", trigger.seq)

    def block(self, status: Status, alive: bool) -> list[int]:
        """The whole block as it should stand now; `alive` lets the heartbeat advance."""
        self._heartbeat = (self._heartbeat + alive) & 0xFFFF
        for name, value in (
            ("MAP_ID", MAP_ID),
            ("STATUS", self._status(status, alive)),
            ("ALARM", self.ledger.alarms.latched),
            ("AGENT_HB", self._heartbeat),
            ("AGENT_EPOCH", self.agent_epoch),
            ("PLC_EPOCH_ECHO", self._plc_epoch or 0),
            ("PLC_HB_ECHO", self._heartbeat_echo),
            ("TRIG_ACK_SEQ", self._last_seq),
            ("ERROR_CODE", self.ledger.error_code if self._orders.job_known else Reason.JOB_UNKNOWN),
            ("JOB_CURRENT", self._orders.job),
            ("RECIPE_ID", self.facts.setup.recipe_id(self._orders.job)),
            ("CMD_ACK_SEQ", self._orders.command_seq),
            ("MODEL_ID", self.facts.setup.model_id),
        ):
            AGENT_BLOCK.put(self._words, name, value)
        self.ledger.counters.put(self._words)
        return list(self._words)

    def _status(self, status: Status, alive: bool) -> Status:
        """The link's bits, and what is known here."""
        if not self._orders.serving or self.ledger.refusal():
            status &= ~(Status.ONLINE | Status.READY)
        for flag, applies in (
            (Status.SIMULATED, self.facts.simulated),
            (Status.FAIL_OPEN, self.facts.fail_open),
            (Status.BYPASSED, bool(self._orders.ctrl & Ctrl.BYPASS)),
            (Status.CMD_FAILED, self._orders.command_failed or not self._orders.job_known),
            (Status.FAULT, not alive),
        ):
            status |= flag if applies else NO_STATUS
        return status | self.ledger.status()

    def situation(self) -> Situation:
        """What the newest block says, for people."""
        return self.ledger.situation(names_of(Status(AGENT_BLOCK.get(self._words, "STATUS"))))

    def acknowledged(self, words: list[int], now_ns: int) -> None:
        """The PLC has confirmed the write of `words`: note it for the parts whose verdict was in it."""
        held = {d.trigger.key for d in self.ledger.unacknowledged() if holds_result(words, d)}
        self.ledger.acknowledged(held, now_ns)


_REFUSALS = {
    Reason.CAPTURE_WINDOW: "seen too late for a photo",
    Reason.RING_OVERRUN: "the trigger ring no longer held it",
    Reason.OFFLINE: "the PLC has set the station offline",
    Reason.FRAME_MISMATCH: OUT_OF_STEP,
    Reason.JOB_UNKNOWN: "JOB_SELECT is no recipe of this station",
    Reason.JOB_CHANGE: "announced while the job changed",
}
