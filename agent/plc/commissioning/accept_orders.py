"""Acceptance, step i: what the operator orders at the PLC, and what a station then reads and answers."""

from __future__ import annotations

from agent.inspection import Verdict
from agent.plc.commissioning.accept_forged_part import TRIES, ForgedPart
from agent.plc.commissioning.accept_forgery import true_pass
from agent.plc.commissioning.accept_mistakes import ALWAYS_ENABLED, JOB_RACE, NO_STOP, NOT_TAKEN, ORDER_NOT_OBEYED
from agent.plc.commissioning.accept_result import Asks, Result
from agent.plc.commissioning.accept_rig import RECOVER_S, Rig
from agent.plc.register_map import AGENT_BLOCK, Alarm, Ctrl


def check_job(rig: Rig, ask: Asks, result: Result) -> None:
    """Another recipe and back; no part before JOB_CURRENT says so."""
    record = rig.record
    if len(rig.jobs) < 2:
        result.skip("the station's file names one recipe only")
        return
    wanted = rig.jobs[1]
    ask(f"select job {wanted} (of {', '.join(map(str, rig.jobs))})", lambda: record.newest.get("JOB_SELECT") == wanted)
    read_back = record.wait(lambda: AGENT_BLOCK.get(record.written, "JOB_CURRENT") == wanted, RECOVER_S)
    part, trigger = rig.next_part()
    rig.say(trigger, Verdict.PASS)
    rig.wait_outcomes([part])
    result.saw(f"JOB_SELECT {wanted} read, JOB_CURRENT {'confirmed' if read_back else 'not confirmed'}")
    result.add_part(part, f"pass, job {trigger.job}")
    result.check(trigger.job == wanted, f"seq {part.seq} was announced for job {trigger.job}", JOB_RACE)
    ask(f"select job {rig.jobs[0]} again", lambda: record.newest.get("JOB_SELECT") in (0, rig.jobs[0]))


def check_offline(rig: Rig, ask: Asks, result: Result) -> None:
    """SET_OFFLINE takes READY away, and with it the line."""
    record = rig.record
    ask("set the station offline (SET_OFFLINE)", lambda: record.ordered(Ctrl.SET_OFFLINE))
    stopped = record.wait(lambda: not record.enabled, RECOVER_S)
    result.saw("SET_OFFLINE read; TRIGGER_ENABLE " + ("fell" if stopped else "did not fall"))
    result.check(stopped, "TRIGGER_ENABLE is set while the station is offline", ALWAYS_ENABLED)
    ask("set the station online again", lambda: not record.ordered(Ctrl.SET_OFFLINE))
    rig.need_line(ask)


def check_bypass(rig: Rig, ask: Asks, result: Result) -> None:
    """BYPASS is the PLC's business: a rejected part passes, and the station shows it."""
    record = rig.record
    ask("turn the BYPASS key: every part passes", lambda: record.ordered(Ctrl.BYPASS))
    _give(rig, result, Verdict.REJECT, passes=True)
    ask("turn the BYPASS key back", lambda: not record.ordered(Ctrl.BYPASS))
    _give(rig, result, Verdict.REJECT, passes=False)


def check_reject_all(rig: Rig, ask: Asks, result: Result) -> None:
    """REJECT_ALL: not even a true PASS lets a part through."""
    record = rig.record
    ask("order REJECT_ALL", lambda: record.ordered(Ctrl.REJECT_ALL))
    for _ in range(TRIES):
        part, _ = rig.next_part()
        forged = ForgedPart(rig, part, true_pass)
        with forged.sending():
            rig.wait_outcomes([part])
        if forged.proves:
            break
    result.add_part(part, "pass under REJECT_ALL")
    result.check(forged.proves, f"PASS under REJECT_ALL: {TRIES} times not there in time", NOT_TAKEN)
    result.check(not part.passed, f"seq {part.seq} was PASSED under REJECT_ALL", ORDER_NOT_OBEYED)
    ask("take REJECT_ALL back", lambda: not record.ordered(Ctrl.REJECT_ALL))
    rig.check_a_part_passes(result)


def check_challenge(rig: Rig, ask: Asks, result: Result) -> None:
    """A challenge part judged PASS: it is rejected, the line stops, and only CLEAR_FAULT starts it again."""
    record = rig.record
    rig.alarms = Alarm.CHALLENGE_PASSED
    try:
        ask("announce a challenge part (known to be bad)", lambda: record.newest.get("CHALLENGE") > 0)
        part, trigger = rig.following_part()
        while not trigger.challenge:
            part, trigger = rig.following_part()
        rig.say(trigger, Verdict.PASS)
        stopped = record.wait(lambda: not record.enabled, RECOVER_S)
        result.check(stopped, "STOP_REQUEST shown, TRIGGER_ENABLE still set", NO_STOP)
        ask("acknowledge with CLEAR_FAULT", lambda: record.ordered(Ctrl.CLEAR_FAULT))
    finally:
        rig.alarms = Alarm(0)
    rig.need_line(ask)
    rig.wait_outcomes([part])  # not before: it may have stood with the belt, short of the decision point
    result.add_part(part, "pass for a challenge part: the station makes it REJECT and asks to stop")
    result.check(not part.passed, f"challenge part seq {part.seq} was PASSED", ORDER_NOT_OBEYED)
    result.saw("STOP_REQUEST stopped the line, CLEAR_FAULT started it" if stopped else "the line did not stop")


def _give(rig: Rig, result: Result, verdict: Verdict, passes: bool) -> None:
    part, trigger = rig.next_part()
    rig.say(trigger, verdict)
    rig.wait_outcomes([part])
    result.add_part(part, f"{verdict.value}, BYPASS {'on' if trigger.bypass else 'off'}")
    seen = f"seq {part.seq}: outcome {part.outcomes} with BYPASS {'on' if passes else 'off'}"
    result.check(part.passed == passes, seen, ORDER_NOT_OBEYED)
