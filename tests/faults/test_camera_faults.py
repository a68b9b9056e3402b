"""F9: the camera goes wrong in every way that domain.md §7 names. No PASS but on the part's own, whole, good photo.

The whole way is real: belt, photo-eye, GigE Vision camera at the wire, Aravis, binding, checks, PLC. Only the model is
a script, which reads the part's number off the photo.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.faults.gige_line import GigeLine
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.sizes import SEED, sized
from tests.waiting import wait_until

pytestmark = pytest.mark.gige

SHARE = 0.1
FAULTS = ("lose", "duplicate", "stale", "swap", "black", "saturated", "resized")
AMPLE = 1.2
"""So many more parts than it takes on average until each fault has met so many frames."""
INCOMPLETE_SHARE, SLOW_PER_S, INCOMPLETE_MS = 0.3, 22, 100
"""An incomplete frame is waited for, by Aravis and by a station that has the patience: it is to be seen as one."""
HARMLESS = ("", "duplicate")
"""The right frame arrives in its time."""
DEAD_MS = 700
GOOD_PARTS = 30


@sized(("each",), (100,), (1_000,))
def test_f9_frames_lost_twice_stale_swapped_incomplete_dark_white_or_resized(report: Report, each: int) -> None:
    """Each fault meets every tenth frame, three of ten meet none; beside it a slower line for incomplete frames."""
    script = Script(SEED, no_decision_share=0.0)
    slow_parts = round(AMPLE * each / INCOMPLETE_SHARE)
    mixed = GigeLine(script, round(AMPLE * each / SHARE), dict.fromkeys(FAULTS, SHARE))
    slow = GigeLine(script, slow_parts, {"incomplete": INCOMPLETE_SHARE}, SLOW_PER_S, INCOMPLETE_MS)
    with mixed, slow:
        check(mixed, report, "F9 camera faults", each)
        check(slow, report, "F9 incomplete frames", each)
        assert any(row["reason"] == "frame_incomplete" for row in slow.rows()), "this run has proved nothing"


def check(line: GigeLine, report: Report, name: str, each: int) -> None:
    """Wait for its last part and draw up the balance; every fault has met about so many frames."""
    balance = line.balance()
    line.check_counters()
    line.check_photos()
    fault_of = line.fault_of_part()
    met = Counter(fault for fault in fault_of.values() if fault)
    whole = [row["verdict"] for row in line.rows() if fault_of.get(row["trigger_seq"]) in HARMLESS]
    judged = len(whole) - whole.count("no_decision")
    report.add(
        Finding(name, balance.triggers, met.total(), balance.escapes, balance.duplicates, balance.no_decision_share,
                None, [],
                f"{min(met.values())}…{max(met.values())} of each; {judged} of {len(whole)} parts with a good frame "
                "judged")
    )  # fmt: skip
    assert min(met.values()) >= 0.8 * each
    assert judged >= len(whole) / 5, "this run has proved nothing"


@sized(("orders",), ((f"dead {DEAD_MS}",),), ((f"dead {DEAD_MS}", "restart") * 25,))
def test_f9_a_dead_camera_ends_the_station_and_the_next_one_goes_on(report: Report, orders: tuple[str, ...]) -> None:
    """The cable is out for a while, or the camera has lost its power: exit code 1, and a clean start by itself."""
    with GigeLine(Script(SEED, no_decision_share=0.0), min(60_000, 3_000 * len(orders)), {}) as line:
        line.wait_for_parts(1)
        gone_ms, back_ms = [], []
        for order in orders:
            begun_s = time.monotonic()
            line.order(order)
            assert line.processes["station"].wait(20) == 1
            gone_ms.append((time.monotonic() - begun_s) * 1000)
            line.killed_ns.append(time.monotonic_ns())
            line.restart_station()
            back_ms.append((time.monotonic() - begun_s) * 1000)
            judged = len(line.judged())
            wait_until(lambda judged=judged: len(line.judged()) >= judged + GOOD_PARTS, "parts are judged again")
        line.end_here()
        balance = line.balance()
        line.check_photos()
        report.add(
            Finding("F9 camera dead", balance.triggers, len(orders), balance.escapes, balance.duplicates,
                    balance.no_decision_share, None, back_ms,
                    f"station gone after {max(gone_ms):.0f} ms at most; recovery = from the fault to READY again")
        )  # fmt: skip
