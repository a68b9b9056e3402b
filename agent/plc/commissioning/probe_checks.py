"""What reads of a PLC's block say about its program: each check one finding. Pure.

All checks take samples in the order of time, the torn ones left out, and the times that the station counts on.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.finding import Finding, doubtful, right, wrong
from agent.plc.commissioning.sample import Sample, duration_s, longest_stand_ms, scans_ms, steps
from agent.plc.register_map import MAP_ID, PLC_BLOCK, RING_SLOTS, Ctrl
from agent.plc_config import PlcConfig
from agent.spread import Spread

HEARTBEAT_MS = 100
"""The map: PLC_HB counts at least so often."""
CLOCK_TOLERANCE = 0.005
UNITS = {10.0: "0.1 ms", 1000.0: "µs", 0.1: "10 ms", 0.01: "100 ms", 0.001: "s"}
SHORT_MS = 50
"""Less than this between photo and decision is not much."""


def check_map(words: list[int]) -> Finding:
    """Is the first read our map, and if not, what is it?"""
    found, last = words[0], PLC_BLOCK.base + len(words) - 1
    if found == MAP_ID:
        return right("map", f"MAP_ID {MAP_ID:#06x} at HR{PLC_BLOCK.base}")
    if not any(words):
        return wrong("map", f"HR0..{last} are all 0", "the PLC program does not run, or fills another array than the "
                     "one its Modbus server shows")  # fmt: skip
    swapped = MAP_ID >> 8 | (MAP_ID & 0xFF) << 8
    if found == swapped:
        return wrong("map", f"MAP_ID reads {found:#06x}: bytes swapped", "swap the bytes of every word in the PLC, or "
                     "change the byte order of its Modbus server")  # fmt: skip
    if found >> 8 == MAP_ID >> 8:
        return wrong("map", f"MAP_ID {found:#06x}: another version of the map", "load the PLC program for "
                     f"{MAP_ID:#06x} (linegate plc map)")  # fmt: skip
    for at, word in enumerate(words):
        if word in (MAP_ID, swapped):
            bytes_too = ", bytes swapped" if word == swapped else ""
            return wrong("map", f"{word:#06x} stands at HR{at} instead of HR0: addresses are off by {at:+d}{bytes_too}",
                         f"begin the PLC's array {at} earlier: HR0 is the first register, 40001")  # fmt: skip
    return wrong("map", f"HR0 is {found:#06x}, and {MAP_ID:#06x} is nowhere in HR0..{last}", "another program or "
                 "another device: check the address, --device-id and which array the Modbus server shows")  # fmt: skip


def check_epoch(samples: list[Sample], plc: PlcConfig) -> Finding:
    """Counted at each start, never while it runs."""
    epochs = [sample.get("PLC_EPOCH") for sample in samples]
    if epochs[0] != epochs[-1]:
        return wrong("epoch", f"PLC_EPOCH went from {epochs[0]} to {epochs[-1]}", "it may count at the PLC's start and "
                     "when the part queue is cleared, nowhere else")  # fmt: skip
    if not epochs[0]:
        return wrong("epoch", "PLC_EPOCH is 0", "count it +1 at each start of the PLC, in retentive memory, 1..65535")
    return right("epoch", f"PLC_EPOCH {epochs[0]}")


def check_heartbeat(samples: list[Sample], plc: PlcConfig) -> Finding:
    """PLC_HB must move, and often enough."""
    moved = steps(samples, "PLC_HB")
    stood_ms, rate = longest_stand_ms(samples, "PLC_HB"), sum(moved) / duration_s(samples)
    seen = f"PLC_HB +{rate:.0f}/s, longest stand {stood_ms:.0f} ms"
    if not any(moved):
        return wrong("heartbeat", f"PLC_HB stands at {samples[-1].get('PLC_HB')}", "is the PLC in RUN, and FB_Linegate "
                     "called in every scan?")  # fmt: skip
    if min(moved) < 0:
        return wrong("heartbeat", "PLC_HB runs backwards", "count it up by one in each scan, 65535 → 0")
    if stood_ms > plc.lost_after_ms:
        return wrong("heartbeat", seen, f"the station takes a PLC for lost after {plc.lost_after_ms:.0f} ms "
                     "(plc.lost_after_ms): count PLC_HB in every scan")  # fmt: skip
    if stood_ms > HEARTBEAT_MS:
        return doubtful("heartbeat", seen, f"count PLC_HB at least every {HEARTBEAT_MS} ms")
    return right("heartbeat", seen)


def check_clock(samples: list[Sample], plc: PlcConfig) -> Finding:
    """PLC_MS must run true: a part's deadline is counted by it."""
    moved, ours_ms = steps(samples, "PLC_MS"), duration_s(samples) * 1000
    speed = sum(moved) / ours_ms
    seen = f"PLC_MS runs at {speed:.4f} of our clock"
    if not any(moved):
        return wrong("clock", f"PLC_MS stands at {samples[-1].get('PLC_MS')}", "copy the PLC's millisecond clock into "
                     "it in every scan")  # fmt: skip
    if min(moved) < 0:
        return wrong("clock", "PLC_MS runs backwards", "it is the low word of a clock that never steps: not the time "
                     "of day")  # fmt: skip
    unit = next((name for factor, name in UNITS.items() if abs(speed / factor - 1) < 0.05), None)
    if unit:
        return wrong("clock", f"{seen}: it counts {unit}", "PLC_MS is in milliseconds")
    scans = scans_ms(samples)
    unknown = 2 * max((about for _, about in scans), default=0) / ours_ms
    if abs(speed - 1) > 0.05 + unknown:
        return wrong("clock", seen, "PLC_MS is in milliseconds, taken from a clock, not counted in scans")
    if abs(speed - 1) > CLOCK_TOLERANCE + unknown:
        return doubtful("clock", seen, "take PLC_MS from the PLC's clock; counting scans drifts")
    return right("clock", seen)


def check_scan(samples: list[Sample], plc: PlcConfig) -> Finding:
    """How long its scan lasts, against what the station's file says."""
    scans = scans_ms(samples)
    spread, surely_ms = Spread.of([about for _, about in scans]), max((least for least, _ in scans), default=0.0)
    if spread is None:
        return wrong("scan", "neither PLC_MS nor PLC_HB moves", "see heartbeat")
    poll_ms = duration_s(samples) * 1000 / (len(samples) - 1)
    if spread.median < 1.5 * poll_ms:
        return right("scan", f"not longer than {spread.median:.1f} ms: every read finds a new one")
    if surely_ms > plc.scan_ms:
        return doubtful("scan", f"{spread}", f"at least one lasted {surely_ms:.1f} ms, plc.scan_ms = {plc.scan_ms:g}: "
                        f"set scan_ms = {surely_ms * 1.2:.0f}, guard_ms = {surely_ms * 1.2 + 10:.0f}")  # fmt: skip
    return right("scan", f"{spread}")


def check_ring(samples: list[Sample], plc: PlcConfig) -> Finding:
    """The ring must hold what its head says, each seq at seq mod 16."""
    newest = samples[-1]
    head = newest.get("TRIG_HEAD")
    if not head:
        return right("triggers", "TRIG_HEAD 0: no trigger since the PLC's start")
    held = [seq for seq, _, _ in newest.announced()]
    if held and held[0] == head:
        gaps = [seq for seq in newest.newest_seqs()[: len(held)] if seq not in held]
        seen = f"TRIG_HEAD {head}, {len(held)} newest in the ring"
        return doubtful("triggers", f"{seen}, gap at {gaps[0]}", "seq counts by one a part") if gaps else right(
            "triggers", seen)  # fmt: skip
    places = [slot for slot in range(RING_SLOTS) if PLC_BLOCK.slot(newest.words, "TRIGGER", slot)["seq"] == head]
    where = f"slot {places[0]}" if places else "no slot"
    return wrong("triggers", f"TRIG_HEAD {head} is in {where}, not in slot {head % RING_SLOTS}", "a part's slot is "
                 "seq mod 16; fill it before TRIG_HEAD")  # fmt: skip


def check_word_order(samples: list[Sample], plc: PlcConfig) -> Finding:
    """u32 is high word first: the first word of a small or slow number must not be the busy one."""
    ids = [part_id for _, part_id, _ in samples[-1].announced()]
    encoder = [sample.get("ENC_NOW") for sample in samples]
    for name, values in (("part_id", ids), ("ENC_NOW", encoder)):
        highs, lows = {v >> 16 for v in values}, {v & 0xFFFF for v in values}
        if len(highs) > 1 and len(lows) == 1:
            return wrong("word order", f"{name}: the high word changes, the low word stands at {lows.pop()}", "u32 is "
                         "high word first: swap the two words in the PLC")  # fmt: skip
    moving = len(set(ids)) > 1 or len(set(encoder)) > 1
    return right("word order", "high word first" if moving else "nothing moves yet that could show it")


def check_decide(samples: list[Sample], plc: PlcConfig) -> Finding:
    """Is there time for a decision once scan and guard are taken off?"""
    newest = samples[-1]
    counts, hz, decide_ms = newest.get("DECIDE_COUNTS"), newest.get("ENC_HZ"), float(newest.get("DECIDE_MS"))
    seen = f"DECIDE_MS {decide_ms:.0f}"
    if counts:
        seen = f"DECIDE_COUNTS {counts} at ENC_HZ {hz}"
        if not hz:
            return right("decision point", f"{seen}: the belt stands")
        decide_ms = counts / hz * 1000
        seen += f" = {decide_ms:.0f} ms"
    left_ms = decide_ms - plc.guard_ms - 2 * plc.scan_ms
    seen += f", {left_ms:.0f} ms of it left after guard {plc.guard_ms:g} and two scans of {plc.scan_ms:g}"
    if not decide_ms:
        return wrong("decision point", "DECIDE_MS and DECIDE_COUNTS are 0", "write the time or the encoder counts from "
                     "photo-eye to decision point")  # fmt: skip
    if left_ms <= 0:
        return wrong("decision point", seen, "no PASS can come in time: move the arm, shorten the scan or plc.guard_ms")
    if left_ms < SHORT_MS:
        return doubtful("decision point", seen, "little time for photo and model: see linegate bench")
    return right("decision point", seen)


def check_ctrl(samples: list[Sample], plc: PlcConfig) -> Finding:
    """CTRL by name; what an operator should know about."""
    word = samples[-1].get("CTRL")
    ctrl, unknown = Ctrl(word & sum(Ctrl)), word & ~sum(Ctrl)
    seen = "CTRL " + (" ".join(flag.name or "" for flag in ctrl) or "0")
    if unknown:
        return doubtful("orders", f"{seen}, and bits that mean nothing ({unknown:#x})", "is CTRL filled bit by bit?")
    if ctrl & Ctrl.BYPASS:
        return doubtful("orders", seen, "BYPASS: every part passes uninspected; turn the key back")
    return right("orders", seen)


CHECKS: tuple[Callable[[list[Sample], PlcConfig], Finding], ...] = (
    check_epoch, check_heartbeat, check_clock, check_scan, check_ring, check_word_order, check_decide, check_ctrl,
)  # fmt: skip


def check_program(samples: list[Sample], plc: PlcConfig) -> list[Finding]:
    """Everything that a few seconds of reads say."""
    whole = [sample for sample in samples if sample.whole]
    torn = len(samples) - len(whole)
    if len(whole) < 2:
        newest = samples[-1]
        return [wrong("head and tail", f"TRIG_HEAD {newest.get('TRIG_HEAD')}, TRIG_TAIL {newest.get('TRIG_TAIL')} in "
                      f"all {len(samples)} reads", "write TRIG_TAIL (the block's last register), the slot, then "
                      "TRIG_HEAD")]  # fmt: skip
    seen = f"{torn} of {len(samples)} reads torn" + (": discarded, as they should be" if torn else "")
    head = right("head and tail", seen) if torn < len(samples) / 2 else doubtful(
        "head and tail", seen, "write TRIG_TAIL, slot and TRIG_HEAD in the same scan")  # fmt: skip
    return [head, *(check(whole, plc) for check in CHECKS)]
