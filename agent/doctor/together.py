"""Camera, model and PLC together: answers of the PLC while frames come, and whether the time for a part is enough."""

from __future__ import annotations

from collections.abc import Iterator

from agent.doctor.subject import Subject
from agent.finding import Finding, doubtful, right, unknown, wrong

SLOWER = 2.0
"""So many times as long as idle, at the median: frames and PLC get into each other's way."""
LEAST_MS = 1.0
"""A median below it is no worry, whatever its ratio: on loopback the reader's own processor decides."""
SHARE_OF_TIME = 0.8
"""Of the time for a part; the rest is for what the next hour brings."""


def examine_together(subject: Subject) -> Iterator[Finding]:
    """From what the groups before have measured."""
    if subject.running:
        yield unknown("PLC during grabs", "skipped: the station runs: see write gap under station")
        return
    if subject.config.has_plc and subject.config.plc.role == "client":
        yield _check_during_grabs(subject)
    yield _check_time(subject)


def _check_during_grabs(subject: Subject) -> Finding:
    name = "PLC during grabs"
    idle, busy = (subject.spread(f"plc_read_{when}_ms") for when in ("idle", "grabbing"))
    rate = subject.figures.get("camera_rate_per_s")
    if idle is None or busy is None or rate is None:
        return unknown(name, "not known: it takes a PLC that answers and a camera that delivers")
    ratio = busy.median / idle.median if idle.median else 1.0
    subject.figures["plc_read_ratio"] = round(ratio, 3)
    text = f"{busy} at {rate} frames/s: {ratio:.2f} × idle at the median"
    limit_ms = subject.config.plc.timeout_ms
    if busy.p99 > limit_ms:
        return wrong(name, text, f"longer than plc.timeout_ms = {limit_ms:g}: give camera and PLC a network port each, "
                     "or set camera.packet_delay_us")  # fmt: skip
    if ratio > SLOWER and busy.median > LEAST_MS:
        return doubtful(name, text, "frames keep the PLC's answers waiting: give each a network port of its own, or "
                        "set camera.packet_delay_us")  # fmt: skip
    return right(name, text)


def _check_time(subject: Subject) -> Finding:
    name, (left_ms, whose) = "time for a part", _time_for_a_part(subject)
    if left_ms is None:
        return unknown(name, f"not known: {whose}")
    parts = [(what, subject.spread(figure)) for what, figure in
             (("photo", "camera_wait_ms"), ("model", "model_run_ms"), ("PLC", "plc_read_idle_ms"))]  # fmt: skip
    told = [(what, spread.p99) for what, spread in parts if spread]
    if "model" not in dict(told):
        return unknown(name, "not known: the model was not measured")
    needed_ms = sum(spent for _, spent in told)
    sums = " + ".join(f"{what} {spent:.1f}" for what, spent in told)
    text = f"{sums} = {needed_ms:.1f} ms, at p99 each, of {left_ms:.0f} ms {whose}"
    if needed_ms > left_ms:
        return wrong(name, text, "verdicts come too late: a smaller model or a GPU, a shorter exposure, or a decision "
                     "point further down the belt")  # fmt: skip
    if needed_ms > SHARE_OF_TIME * left_ms:
        return doubtful(name, text, "nothing may get slower: move the decision point, or use a faster computer")
    return right(name, text)


def _time_for_a_part(subject: Subject) -> tuple[float | None, str]:
    """(ms from trigger to the last moment for a PASS, less what scan and guard take; who says so, or why not known)."""
    config, memory = subject.config, subject.plc_memory
    if not config.has_plc:
        return config.trigger.deadline_ms, "by trigger.deadline_ms"
    taken_ms = config.plc.guard_ms + 2 * config.plc.scan_ms
    if config.plc.decide_ms is not None:
        return config.plc.decide_ms - taken_ms, "that plc.decide_ms leaves after guard and two scans"
    if memory.get("DECIDE_COUNTS"):
        if not memory.get("ENC_HZ"):
            return None, "the belt stands, and the PLC counts the way to the decision point"
        counted_ms = memory["DECIDE_COUNTS"] / memory["ENC_HZ"] * 1000
        return counted_ms - taken_ms, "that DECIDE_COUNTS leaves after guard and two scans"
    if memory.get("DECIDE_MS"):
        return memory["DECIDE_MS"] - taken_ms, "that DECIDE_MS leaves after guard and two scans"
    return None, "the PLC did not say when it decides"
