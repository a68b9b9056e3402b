"""Acceptance, steps a–d: the link itself, parts with every verdict, parts without one, and words that must not pass."""

from __future__ import annotations

import random
import time
from collections import Counter
from itertools import pairwise

from agent.finding import Level
from agent.inspection import Verdict
from agent.plc.commissioning.accept_forged_part import TRIES, ForgedPart
from agent.plc.commissioning.accept_forgery import FORGERIES, Forgery
from agent.plc.commissioning.accept_mistakes import (
    ALWAYS_ENABLED,
    BY_ARRIVAL,
    COUNTS_DIFFER,
    DECODED_WRONGLY,
    NO_ECHO,
    NOT_TAKEN,
    OTHER_OUTCOME,
    PASS_BY_DEFAULT,
    PROMISES_TOO_MUCH,
    SAME_ID,
    SEQ_JUMPS,
    UNDECIDED,
    Mistake,
)
from agent.plc.commissioning.accept_record import Part
from agent.plc.commissioning.accept_result import Asks, Counting, Result
from agent.plc.commissioning.accept_rig import PATIENCE_S, Rig
from agent.plc.commissioning.probe_checks import check_program
from agent.plc.decision import MS
from agent.plc.register_map import AGENT_BLOCK, OutcomeCode, Status, VerdictCode, next_seq
from agent.spread import Spread

LOOK_S = 1.5
SILENT_PARTS = 3
ACCIDENTALLY_RIGHT = {VerdictCode.PASS, VerdictCode.PASS ^ 0xFFFF}
"""For these seqs the words 0 and 16#FFFF are proper PASS words."""
OUTCOME_OF = {
    VerdictCode.PASS: OutcomeCode.PASSED,
    VerdictCode.REJECT: OutcomeCode.REJECTED,
    VerdictCode.NO_DECISION: OutcomeCode.NO_DECISION,
}


def check_link(rig: Rig, ask: Asks, result: Result) -> None:
    """a. Not READY yet: no part may come."""
    record = rig.record
    result.check(not record.enabled, "TRIGGER_ENABLE is set although the agent is not READY", ALWAYS_ENABLED)
    time.sleep(LOOK_S)
    samples = list(record.samples)
    for finding in check_program(samples, rig.plc):
        result.saw(f"{finding.subject}: {finding.seen}" + (f" → {finding.remedy}" if finding.remedy else ""))
        if finding.level is Level.WRONG:
            result.fail(finding.seen, Mistake(finding.subject, finding.remedy))
    ages = record.echo_ages_ms()[len(samples) // 2 :]
    known = [age for age in ages if age is not None]
    result.figures |= {"echo_age_ms": Spread.of(known), "reads": len(samples), "torn": record.torn,
                       "read_ms": Spread.of([sample.round_trip_ms for sample in samples])}  # fmt: skip
    echoes = len({sample.get("AGENT_HB_ECHO") for sample in samples}) > 2 and len(known) > len(ages) / 2
    seen = f"AGENT_HB_ECHO is {record.newest.get('AGENT_HB_ECHO')} and does not follow AGENT_HB"
    if result.check(echoes, seen, NO_ECHO):
        result.saw(f"AGENT_HB_ECHO follows, its age {result.figures['echo_age_ms']}")
    enabled = rig.be_ready()
    result.saw("READY shown: TRIGGER_ENABLE " + ("came" if enabled else "did not come"))
    if not enabled:
        ask("start the line: TRIGGER_ENABLE must come, the agent is READY", lambda: record.enabled)


def check_parts(rig: Rig, count: int, result: Result) -> list[Part]:
    """b. `count` parts in a row, with a pattern that no shift maps onto itself."""
    script = random.Random(count)
    wanted = [script.choice((Verdict.PASS, Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION)) for _ in range(count)]
    wanted[:3] = [Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION][:count]
    parts: list[Part] = []
    for verdict in wanted:
        part, trigger = rig.following_part() if parts else rig.next_part()
        rig.say(trigger, verdict)
        parts.append(part)
    complete = rig.wait_outcomes(parts)
    rig.look_on()
    for part, verdict in zip(parts, wanted, strict=True):
        result.add_part(part, verdict.value)
    silent = [part.seq for part in parts if not part.outcomes]
    result.check(complete, f"no outcome word for {len(silent)} parts (seq {silent[:5]})", UNDECIDED)
    _check_ids(result, parts)
    _check_outcomes(result, parts)
    _check_decision_point(rig, result, parts)
    result.figures |= {
        "confirmed_ms": Spread.of([(part.said_ns - part.seen_ns) / MS for part in parts if part.said_ns]),
        "outcomes": dict(Counter(part.outcomes[-1].name.lower() for part in parts if part.outcomes)),
    }
    return parts


def _check_ids(result: Result, parts: list[Part]) -> None:
    for a, b in pairwise(parts):
        result.check(b.seq == next_seq(a.seq), f"seq went from {a.seq} to {b.seq}", SEQ_JUMPS)
    for part_id, times in Counter(part.part_id for part in parts).items():
        result.check(times == 1, f"part_id {part_id} came {times} times", SAME_ID)
    by_one = all(b.part_id == a.part_id + 1 for a, b in pairwise(parts))
    note = "by one each" if by_one else "not by one each: are they the PLC's own numbers?"
    result.saw(f"seq {parts[0].seq}..{parts[-1].seq}; part_id {parts[0].part_id}..{parts[-1].part_id}, {note}")


def _check_outcomes(result: Result, parts: list[Part]) -> None:
    """What the PLC did must be what it was told; a verdict that came too late for it is not its mistake, but counts."""
    wrong = [p for p in parts if p.said and p.outcomes and p.outcomes != [OUTCOME_OF[p.said]]]
    lost = [part for part in wrong if part.outcomes == [OutcomeCode.NO_VERDICT]]
    result.saw(f"{len(parts) - len(wrong)} of {len(parts)} outcomes as said, {len(lost)} had no verdict in time")
    result.check(len(lost) <= len(parts) // 10, f"{len(lost)} of {len(parts)} verdicts were not taken", NOT_TAKEN)
    bad = [part for part in wrong if part not in lost]
    if not bad:
        return
    lag = next((lag for lag in (1, 2, 3) if _shifted(parts, lag)), 0)
    if lag:
        result.fail(f"each outcome is what was said of the part {lag} before it", BY_ARRIVAL)
        return
    said, outcomes = bad[0].said, [outcome.name for outcome in bad[0].outcomes]
    result.fail(f"seq {bad[0].seq}: said {said.name if said else ''}, outcome {outcomes}", DECODED_WRONGLY)


def _shifted(parts: list[Part], lag: int) -> bool:
    """Is the row of outcomes the row of verdicts, moved?"""
    pairs = list(zip(parts, parts[lag:], strict=False))
    fitting = sum(later.outcomes == [OUTCOME_OF[part.said]] for part, later in pairs if part.said)
    return fitting > 0.9 * len(pairs)


def _check_decision_point(rig: Rig, result: Result, parts: list[Part]) -> None:
    """Decided earlier than it promises: a PASS that is in time by the map would be lost."""
    promised = rig.record.newest.get("DECIDE_MS")
    ages = [part.decided_ms[1] for part in parts if part.decided_ms]
    if rig.record.newest.get("DECIDE_COUNTS") or not ages:
        return
    result.figures["decided_at_ms"] = spread = Spread.of(ages)
    result.saw(f"DECIDE_MS {promised}; outcome words seen at a part's age of {spread}")
    early = f"a part was decided {min(ages)} ms after its trigger, DECIDE_MS is {promised}"
    result.check(min(ages) >= promised - rig.plc.guard_ms, early, PROMISES_TOO_MUCH)


def check_counts(rig: Rig, ask: Asks, operator: Counting, result: Result) -> None:
    """b, its end: the line is held (not READY) while the PLC's own counters are read off."""
    record = rig.record
    with rig.forging(_hold):
        record.wait(lambda: not record.enabled, PATIENCE_S)
        parts = record.parts_since(rig.ready_ns)
        rig.wait_outcomes(parts)
        last = Counter(part.outcomes[-1] for part in parts if part.outcomes)
        unsure = last[OutcomeCode.NO_DECISION] + last[OutcomeCode.NO_VERDICT]
        ours = (last[OutcomeCode.PASSED], last[OutcomeCode.REJECTED], unsure)
        plc = operator.counts()
    seen = f"by outcome words {ours} passed, rejected, no decision (or no verdict) since READY"
    result.figures["counts"] = {"outcome_words": ours, "plc": plc}
    result.saw(seen + (f"; PLC's own counters {plc}" if plc else "; PLC's own counters not given"))
    result.check(plc in (None, ours), f"{seen}; the PLC has counted {plc}", COUNTS_DIFFER)
    rig.need_line(ask)


def _hold(words: list[int]) -> None:
    AGENT_BLOCK.put(words, "STATUS", AGENT_BLOCK.get(words, "STATUS") & ~Status.READY)


def check_silence(rig: Rig, ask: Asks, result: Result) -> None:
    """c. Nothing at all is said of some parts."""
    parts: list[Part] = []
    for _ in range(SILENT_PARTS):
        part, _ = rig.following_part() if parts else rig.next_part()
        rig.silence(part)
        parts.append(part)
    result.check(rig.wait_outcomes(parts), "a part without a verdict gets no outcome", UNDECIDED)
    result.check(any(map(rig.was_silent, parts)), "no part was kept back before its deadline", NOT_TAKEN)
    for part in parts:
        result.add_part(part, "nothing" if rig.was_silent(part) else "no_decision")
        result.check(not part.passed, f"seq {part.seq}: PASSED without a verdict", PASS_BY_DEFAULT)
        expected = part.passed or part.outcomes in ([], [OutcomeCode.NO_VERDICT]) or not rig.was_silent(part)
        result.check(expected, f"seq {part.seq}: outcome {part.outcomes} instead of NO_VERDICT", OTHER_OUTCOME)
    rig.need_line(ask)


def check_forgeries(rig: Rig, ask: Asks, result: Result) -> None:
    """d. First a true PASS, to show that the PLC can; then one with one thing wrong, of each kind."""
    rig.check_a_part_passes(result)
    for forgery in FORGERIES:
        _forge(rig, result, forgery)
        rig.need_line(ask)
    result.saw(f"{len(FORGERIES)} kinds of PASS with one thing wrong")


def _forge(rig: Rig, result: Result, forgery: Forgery) -> None:
    """A forged PASS proves something only if the PLC had it before its decision point; else another part is tried."""
    for _ in range(TRIES):
        forged, decided = _forged_part(rig, forgery)
        part = forged.part
        proved = forged.proves or (forgery.late and forged.alone)
        if proved:
            break
    result.add_part(part, forgery.name)
    result.check(proved, f"{forgery.name}: {TRIES} times not there in time", NOT_TAKEN)
    result.check(not part.passed, f"{forgery.name}: seq {part.seq} was PASSED", forgery.mistake)
    result.check(decided, f"{forgery.name}: seq {part.seq} got no outcome", UNDECIDED)


def _forged_part(rig: Rig, forgery: Forgery) -> tuple[ForgedPart, bool]:
    """The next part, forged; has the PLC decided?"""
    part, _ = rig.next_part()
    while part.seq in ACCIDENTALLY_RIGHT:
        part, _ = rig.next_part()
    forged = ForgedPart(rig, part, forgery.spoil, lambda words: not forgery.late or part.due(rig.record.newest))
    with forged.sending():
        decided = rig.wait_outcomes([part])
        rig.look_on()
    return forged, decided
