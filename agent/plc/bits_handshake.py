"""The agent's half of profile B's handshake, pure: the PLC's bits and verdicts in; triggers and our bits out.

One part in flight. TRIGGER toggles; the agent numbers what it sees and answers in two steps: first TRIGGER_ACK with
PASS = REJECT = 0 and the part's number in PART; once the PLC has confirmed that write, the result: RESULT = PART,
CODE, then PASS or REJECT with RESULT_TOGGLE ≠ RESULT_ACK. The PLC takes a PASS only if PART is one more than it was
at its trigger, RESULT = PART and CODE = 0, so bits of an older part prove nothing. REJECT is the PLC's default.

What is weaker than in profile A, and must be in docs/plc.md:
- No ring. What is triggered while the link is down is never seen here, nor a TRIGGER that toggles twice between two
  polls: the PLC rejects the part by default, and the journal has one gap row for each time the link began anew, not
  one row a part. Parts closer than the decision point get no trigger. The PLC's count of parts is the true one.
- No clock of the PLC. When a part passed the photo-eye is known to the gap between two polls only: the deadline
  counts from its earliest moment, and a photo is bound by its time alone. Where parts could follow closer than
  capture_window_ms and two scans, the config is refused.
- No epochs on the wire. A new connection, and TRIGGER_ENABLE going low, begin anew.
- No outcome ring. RESULT_ACK says that the result was taken; that the arm then acted is believed.
- Bits cannot tell an old write from a new one. A write left over in a broken connection that arrives late is harmless
  by itself. A wrong PASS needs three, each of a connection of its own, in this order around one trigger: PART of an
  older part; PART, RESULT and CODE of the part after that; its PASS, with TRIGGER_ACK and RESULT_TOGGLE that happen
  to fit. A PLC that does not compare PART, RESULT and CODE is fooled by one.
- No jobs (an operator may select one), commands, counters, challenge announced by the PLC, SET_OFFLINE or REJECT_ALL.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.alarms import AlarmLimits
from agent.plc.bit_map import AGENT_BITS, PLC_BITS, WORD, ctrl_of
from agent.plc.decision import MS, Decision, Observation, Sampled, Situation, Timing
from agent.plc.facts import Facts
from agent.plc.ledger import OUT_OF_STEP, PAUSED, Ledger
from agent.plc.register_map import MAX_SEQ, Status, names_of
from agent.setup import Setup

NO_STATUS = Status(0)
BEAT_MS = 100
STARTS_APART = 257
"""So many parts lie between the first numbers of two lives of the agent: what the last one wrote does not fit."""
_ACTIONS = {
    Verdict.PASS: PlcAction.PASSED,
    Verdict.REJECT: PlcAction.REJECTED,
    Verdict.NO_DECISION: PlcAction.REJECTED_NO_DECISION,
}
_FAULTS = Status.FAULT | Status.WARN | Status.STOP_REQUEST | Status.CAMERA_DOWN | Status.PART_ID_ERROR


@dataclass
class BitsHandshake:
    """State of the link with one PLC. Not thread-safe: the link serialises access.

    The PLC's image has one integer more than the wire carries: the number of the connection it came through.
    """

    announces_every_part: ClassVar[bool] = False

    timing: Timing
    decide_ms: float
    """From trigger to decision point; the PLC cannot say it in bits."""
    agent_epoch: int
    facts: Facts = field(default_factory=Facts)
    limits: AlarmLimits = field(default_factory=AlarmLimits)
    ledger: Ledger = field(init=False)
    _job: int = field(init=False)
    """In use; a part keeps the one of its trigger."""
    _job_since_ns: int = 0
    """When an operator chose it: a part that may have been there before could be of either."""
    _begun: int = 0
    """How often the link has begun anew."""
    _part: int = field(init=False)
    """Number of the newest part."""
    _words: list[int] = field(default_factory=list)
    """The newest read; empty before the first one."""
    _sampled: Sampled = Sampled(0, 0)  # noqa: RUF009 - frozen
    _ack_before: int = 0
    """RESULT_ACK as it was before this part's result."""
    _seen_by_plc: bool = False
    """The PLC has confirmed TRIGGER_ACK without a result: the result may follow."""
    _answer: Decision | None = None
    """Of the newest part, released."""
    _status: Status = NO_STATUS
    _beat_ns: int = 0
    _heartbeat: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.timing.guard_ms, self.limits)
        self._part = self.agent_epoch * STARTS_APART
        self._job = next(iter(self.facts.setup.recipes))

    # --- PLC → agent -------------------------------------------------------------------------------------------

    def observe(self, words: list[int], sent_ns: int, received_ns: int) -> Observation:
        """Digest one read: the inputs, then the connection's number; sampled between the two times."""
        before, since = self._words, self._sampled
        self._words, self._sampled = list(words), Sampled(sent_ns, received_ns)
        if not before or words[-1] != before[-1]:
            return self._observation(settled=self._begin_anew(), begun=True)
        changed = {bit.name for bit in PLC_BITS.bits if self._bit(bit.name) != PLC_BITS.get(before, bit.name)}
        if "CLEAR_FAULT" in changed and self._bit("CLEAR_FAULT"):
            self.ledger.clear_faults()
        if "TRIGGER_ENABLE" in changed and not self._bit("TRIGGER_ENABLE"):
            return self._observation(settled=self._begin_anew(), begun=True)
        self.ledger.watch_line(bool(self._bit("BYPASS")), 0)
        self._note_action()
        if "TRIGGER" not in changed or not self._bit("TRIGGER_ENABLE"):
            return self._observation()
        trigger, refused = self._announce(since)
        return self._observation(() if refused else (trigger,), refused)

    def _bit(self, name: str) -> int:
        return PLC_BITS.get(self._words, name) if self._words else 0

    def _observation(
        self, triggers: tuple[Trigger, ...] = (), settled: tuple[Decision, ...] = (), begun: bool = False
    ) -> Observation:
        born = self._key if begun else None
        return Observation(triggers, settled, False, born, self._bit("PLC_HB"), ctrl_of(self._words))

    def _begin_anew(self) -> tuple[Decision, ...]:
        """Nobody knows what has passed: follow TRIGGER as it stands, and drop what is open."""
        self._begun += 1
        self._answer, self._ack_before = None, self._bit("RESULT_ACK")
        return self.ledger.drop_all(self._sampled.received_ns)

    @property
    def _key(self) -> tuple[int, int]:
        """Of the newest part; the epoch is another one each time the link begins anew, over all lives of the agent."""
        return self.agent_epoch << 16 | self._begun % WORD, (self._part - 1) % MAX_SEQ + 1

    def _announce(self, since: Sampled) -> tuple[Trigger, tuple[Decision, ...]]:
        """A part; refused when it was seen too late for a photo, or while another one was open: that one then, too.

        Its edge lies between the last read and this one, or up to two scans earlier: the input's and the output's.
        """
        self._part += 1
        self._answer, self._seen_by_plc = None, False
        self._ack_before = self._bit("RESULT_ACK")
        open_parts = [part.trigger for part in self.ledger.parts.values() if part.decision is None]
        earliest_ns = since.sent_ns - int(2 * self.timing.scan_ms * MS)
        deadline_ns = earliest_ns + int((self.decide_ms - self.timing.guard_ms) * MS)
        now_ns, (epoch, seq) = self._sampled.received_ns, self._key
        trigger = Trigger(
            seq, self._part, epoch, earliest_ns, now_ns, deadline_ns, now_ns,
            bypass=bool(self._bit("BYPASS")), job=self._job, setup=self.facts.setup, counted=False,
        )  # fmt: skip
        refused = [trigger]
        if open_parts:
            why = "TRIGGER came while a part was open: its decision point is earlier than plc.decide_ms says"
            refused, reason = [*open_parts, trigger], Reason.RING_OVERRUN
        elif self.ledger.paused_by:
            why, reason = PAUSED.format(self.ledger.paused_by), Reason.OFFLINE
        elif now_ns - since.sent_ns > self.timing.capture_window_ms * MS:
            why, reason = "seen too late for a photo", Reason.CAPTURE_WINDOW
        elif self.ledger.out_of_step:
            why, reason = OUT_OF_STEP, Reason.FRAME_MISMATCH
        elif earliest_ns <= self._job_since_ns:
            why, reason = "announced while the job changed", Reason.JOB_CHANGE
        else:
            return self.ledger.open(trigger), ()
        self.ledger.open(trigger, inspected=False)
        return trigger, tuple(self.ledger.refuse(part, reason, why, now_ns) for part in refused)

    def _note_action(self) -> None:
        """RESULT_ACK has changed: the PLC has taken the result; under BYPASS it lets the part pass all the same."""
        part = self.ledger.parts.get(self._key)
        if part is None or part.decision is None or part.acknowledged_ns is None or part.action is not None:
            return
        if self._bit("RESULT_ACK") != self._ack_before:
            part.action = PlcAction.PASSED if self._bit("BYPASS") else _ACTIONS[part.decision.verdict]

    @property
    def job_of_plc(self) -> int:
        """A PLC cannot select one in bits."""
        return 0

    def select_job(self, job: int, now_ns: int) -> None:
        """An operator's choice."""
        self._job, self._job_since_ns = job, now_ns

    def change_setup(self, setup: Setup) -> None:
        """Parts announced from now on carry it."""
        self.facts = replace(self.facts, setup=setup)

    def explain_torn(self, words: list[int]) -> str:
        """Bits carry nothing by which a read could prove itself: none is ever discarded."""
        return ""

    # --- decisions ---------------------------------------------------------------------------------------------

    def release(self, decision: Decision) -> None:
        """Let a settled decision go on the wire; an older part's, or of before the link began anew, goes nowhere."""
        if self.ledger.release(decision) and decision.trigger.key == self._key:
            self._answer = decision

    # --- agent → PLC -------------------------------------------------------------------------------------------

    def exposed(self, trigger: Trigger) -> None:
        """The photo of this part is taken: it may move on."""
        if part := self.ledger.parts.get(trigger.key):
            part.exposed = True

    def block(self, status: Status, alive: bool) -> list[int]:
        """The whole image as it should stand now; `alive` lets the heartbeat advance."""
        self._status = self._full_status(status, alive)
        self._beat(alive)
        answer = self._answer if self._seen_by_plc else None
        verdict = answer.verdict if answer else None
        part = self.ledger.parts.get(self._key)
        image = AGENT_BITS.new()
        AGENT_BITS.put(image, (
            ("ONLINE", self._status & Status.ONLINE),
            ("TRIGGER_READY", self._status & Status.READY and not self._status & Status.RESULT_PENDING),
            ("TRIGGER_ACK", self._bit("TRIGGER")),
            ("ACQUIRING", self._status & Status.ACQUIRING),
            ("EXPOSURE_DONE", part is not None and part.exposed),
            ("RESULT_TOGGLE", self._ack_before ^ bool(answer)),
            ("PASS", verdict is Verdict.PASS),
            ("REJECT", verdict is Verdict.REJECT),
            ("MISSED_ACQ", self._status & Status.MISSED_ACQ),
            ("OVERRUN", self._status & Status.RING_OVERRUN),
            ("FAULT", self._status & _FAULTS),
            ("AGENT_HB", self._heartbeat),
            ("STOP_REQUEST", self._status & Status.STOP_REQUEST),
            ("PART", self._part),
            ("RESULT", self._part if answer else self._part - 1),
            ("CODE", answer.reason if answer else Reason.OK),
        ))  # fmt: skip
        return image

    def _full_status(self, status: Status, alive: bool) -> Status:
        """The link's bits, and what is known here."""
        if self.ledger.refusal():
            status &= ~(Status.ONLINE | Status.READY)
        for flag, applies in (
            (Status.SIMULATED, self.facts.simulated), (Status.BYPASSED, self._bit("BYPASS")), (Status.FAULT, not alive),
        ):  # fmt: skip
            status |= flag if applies else NO_STATUS
        return status | self.ledger.status()

    def _beat(self, alive: bool) -> None:
        """A bit that toggled with every write would look frozen to a PLC that scans once in two writes."""
        period_ms = max(BEAT_MS, 2 * self.timing.scan_ms)
        if alive and self._sampled.received_ns - self._beat_ns >= period_ms * MS:
            self._heartbeat, self._beat_ns = 1 - self._heartbeat, self._sampled.received_ns

    def situation(self) -> Situation:
        """What the newest image says, for people."""
        return self.ledger.situation(names_of(self._status))

    def acknowledged(self, words: list[int], now_ns: int) -> None:
        """The PLC has confirmed the write of `words`: the result may follow, or it was in it."""
        part = self._part % WORD
        if AGENT_BITS.get(words, "PART") != part:
            return
        self._seen_by_plc = True
        answered = AGENT_BITS.get(words, "RESULT") == part
        held = {d.trigger.key for d in self.ledger.unacknowledged() if answered and d is self._answer}
        self.ledger.acknowledged(held, now_ns)
