"""Acceptance, steps e–h: heartbeat loss, link loss, and restarts of either side."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.inspection import Verdict
from agent.plc.commissioning.accept_forged_part import TRIES, ForgedPart
from agent.plc.commissioning.accept_forgery import erase, true_pass
from agent.plc.commissioning.accept_mistakes import DEAF, EPOCH_NOT_RETENTIVE, NOT_BACK, OLD_HEAD, STALE_EPOCH
from agent.plc.commissioning.accept_record import Part
from agent.plc.commissioning.accept_result import Asks, Result
from agent.plc.commissioning.accept_rig import PATIENCE_S, RECOVER_S, Rig
from agent.plc.register_map import AGENT_BLOCK, MAX_SEQ, RING_SLOTS, seq_distance

LIMIT_S = 2.2
"""A PLC may take 2 s to notice that the heartbeat stands."""
CUT_S = 2.5


def check_heartbeat_loss(rig: Rig, ask: Asks, result: Result) -> None:
    """e. AGENT_HB stands, everything else goes on; what is said from the moment the PLC must have noticed is void."""
    record = rig.record
    head, epoch = record.newest.get("TRIG_HEAD"), record.newest.get("PLC_EPOCH")
    beat, begun_s = AGENT_BLOCK.get(record.written, "AGENT_HB"), time.monotonic()
    lost = False

    def freeze(words: list[int]) -> None:
        AGENT_BLOCK.put(words, "AGENT_HB", beat)
        for part in record.parts_after(head, epoch)[-RING_SLOTS:]:
            if not lost:
                erase(words, part.seq)
            elif not part.outcomes:
                true_pass(words, part.seq, part.part_id)

    with rig.forging(freeze):
        noticed = record.wait(lambda: not record.enabled, LIMIT_S)
        noticed_ms = (time.monotonic() - begun_s) * 1000
        lost = True
        in_flight = [part for part in record.parts_after(head, epoch) if not part.outcomes]
        time.sleep(rig.decide_s)
        late = record.parts_after(head, epoch)[-RING_SLOTS:] if not noticed else in_flight
        record.wait(lambda: all(part.outcomes for part in late), PATIENCE_S)
    seen = f"AGENT_HB stood for {noticed_ms:.0f} ms and TRIGGER_ENABLE is still set"
    if result.check(noticed, seen, DEAF):
        result.figures["noticed_ms"] = round(noticed_ms)
        result.saw(f"TRIGGER_ENABLE fell {noticed_ms:.0f} ms after the heartbeat")
    for part in late:
        result.add_part(part, "pass, heartbeat standing")
        result.check(not part.passed, f"seq {part.seq} was PASSED by an agent whose heartbeat stood", DEAF)
    result.saw(f"{len(late)} parts were on their way to the decision point")
    _recover(rig, ask, result)


def check_link_loss(rig: Rig, ask: Asks, result: Result) -> None:
    """f. No connection for a while: the PLC is on its own."""
    record = rig.record
    head, epoch = record.newest.get("TRIG_HEAD"), record.newest.get("PLC_EPOCH")
    rig.cut()
    time.sleep(CUT_S)
    if not result.check(rig.plug(), "the PLC does not answer after the link was lost", NOT_BACK):
        return
    first = record.newest
    result.check(not record.enabled, f"TRIGGER_ENABLE still set after {CUT_S:g} s without link", DEAF)
    if first.get("PLC_EPOCH") == epoch:
        ours = record.parts_after(head, epoch)
        result.saw(f"{seq_distance(head, first.get('TRIG_HEAD'))} parts announced meanwhile")
        for part in (part for part in ours if part.seen_ns <= first.received_ns and not part.said):
            result.add_part(part, "nothing, no link")
            result.check(not part.passed, f"seq {part.seq} was PASSED without a link", DEAF)
    else:
        result.saw(f"the PLC has cleared its queue: PLC_EPOCH {epoch} → {first.get('PLC_EPOCH')}")
    _recover(rig, ask, result)


def check_agent_restart(rig: Rig, ask: Asks, result: Result) -> None:
    """g. A part announced to the old agent must not pass by a word of the new one."""
    for _ in range(TRIES):
        part, _ = rig.next_part()
        old = rig.epoch
        forged = ForgedPart(rig, part, true_pass, _by_the_agent_after(old, part))
        with forged.sending():
            rig.restart()
            rig.wait_outcomes([part])
            rig.look_on()
        if forged.proves:
            break
    result.add_part(part, f"pass by agent epoch {rig.epoch}, announced to {old}")
    result.saw(f"AGENT_EPOCH {old} → {rig.epoch}")
    if forged.proves:
        result.check(not part.passed, f"seq {part.seq}, announced to the old agent, was PASSED by the new", STALE_EPOCH)
    else:
        result.saw(f"each part was decided before the new agent could speak (DECIDE_MS {rig.decide_s * 1000:.0f})")
    _recover(rig, ask, result)


def _by_the_agent_after(old: int, part: Part) -> Callable[[list[int]], bool]:
    def applies(words: list[int]) -> bool:
        return AGENT_BLOCK.get(words, "AGENT_EPOCH") != old and AGENT_BLOCK.get(words, "PLC_EPOCH_ECHO") == part.epoch

    return applies


def check_plc_restart(rig: Rig, ask: Asks, result: Result) -> None:
    """h. The operator stops and starts the PLC."""
    record = rig.record
    epoch, head = record.newest.get("PLC_EPOCH"), record.newest.get("TRIG_HEAD")

    def restarted() -> bool:
        newest = record.newest
        return newest.get("PLC_EPOCH") != epoch or seq_distance(head, newest.get("TRIG_HEAD")) > MAX_SEQ // 2

    ask("restart the PLC: STOP and RUN, or power off and on", restarted)
    newest = record.newest
    result.saw(f"PLC_EPOCH {epoch} → {newest.get('PLC_EPOCH')}, TRIG_HEAD {head} → {newest.get('TRIG_HEAD')}")
    counted = 0 < seq_distance(epoch, newest.get("PLC_EPOCH")) < RING_SLOTS
    result.check(counted, f"PLC_EPOCH went from {epoch} to {newest.get('PLC_EPOCH')}", EPOCH_NOT_RETENTIVE)
    fresh = newest.get("TRIG_HEAD") <= RING_SLOTS
    result.check(fresh, f"TRIG_HEAD is {newest.get('TRIG_HEAD')} after the restart", OLD_HEAD)
    _recover(rig, ask, result)


def _recover(rig: Rig, ask: Asks, result: Result) -> None:
    """All is well again: the line may run, and parts pass."""
    begun_s = time.monotonic()
    back = rig.record.wait(lambda: rig.record.enabled, RECOVER_S)
    result.saw(f"TRIGGER_ENABLE back after {(time.monotonic() - begun_s) * 1000:.0f} ms" if back else "the line stands")
    rig.need_line(ask)
    part, trigger = rig.next_part()
    rig.say(trigger, Verdict.PASS)
    rig.wait_outcomes([part])
    result.add_part(part, "pass")
    result.check(part.passed, f"seq {part.seq}: PASS said, outcome {part.outcomes}", NOT_BACK)
