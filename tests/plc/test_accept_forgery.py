"""When a forged PASS that was not believed proves something: if the PLC had it for a whole scan while it was time."""

from __future__ import annotations

import pytest

from agent.plc.commissioning.accept_forged_part import had_a_scan
from agent.plc.commissioning.accept_record import Part, Record
from agent.plc.commissioning.sample import Sample
from agent.plc.decision import MS
from agent.plc.register_map import AGENT_BLOCK, MAP_ID, PLC_BLOCK

FORGED, EARLIER = 8, 7
"""The first AGENT_HB with which the forgery went out, and the one before it."""
TRIGGERED_MS, DECIDE_MS, SENT_MS, CONFIRMED_MS = 65_500, 200, 80, 100
"""At the photo-eye, by the PLC's clock, which wraps; decided so long after it, the forgery sent and confirmed so long
after."""


def recorded(beat: int, *reads: tuple[int, int], confirmed_ms: int = CONFIRMED_MS) -> Record:
    """Writes with this beat and the next, confirmed; `reads`: (asked for at, age by the PLC's clock), ms."""
    record = Record()
    written = [0] * AGENT_BLOCK.count
    for number in range(2):
        AGENT_BLOCK.put(written, "AGENT_HB", beat + number)
        record.confirmed(written, (confirmed_ms - 5 + 5 * number) * MS)
    for sent_ms, age_ms in reads:
        words = [0] * PLC_BLOCK.count
        now_ms = (TRIGGERED_MS + age_ms) & 0xFFFF
        for name, value in (("MAP_ID", MAP_ID), ("DECIDE_MS", DECIDE_MS), ("PLC_MS", now_ms)):
            PLC_BLOCK.put(words, name, value)
        record.sampled(Sample(words, sent_ms * MS, (sent_ms + 2) * MS))
    return record


@pytest.mark.parametrize(
    ("record", "had"),
    [
        pytest.param(recorded(EARLIER, (110, 120), (120, 140), (140, 160)), False, id="confirmed once only"),
        pytest.param(recorded(FORGED), False, id="nothing was read"),
        pytest.param(
            recorded(FORGED, (110, 120), (120, 140), (140, 160), confirmed_ms=70),
            False,
            id="an agent before this one had the same beats",
        ),
        pytest.param(recorded(FORGED, (110, 120), (120, 120)), False, id="in one scan"),
        pytest.param(recorded(FORGED, (90, 100), (110, 120)), False, id="the first asked for before it was confirmed"),
        pytest.param(recorded(FORGED, (110, 120), (120, 140)), False, id="both may have begun before"),
        pytest.param(
            recorded(FORGED, (90, 100), (110, 120), (120, 140)), False, id="the first asked for before, of three"
        ),
        pytest.param(
            recorded(FORGED, (110, 120), (120, 140), (190, DECIDE_MS)), False, id="the third when the part was due"
        ),
        pytest.param(recorded(FORGED, (110, 120), (120, 140), (140, 160)), True, id="a whole scan before it was due"),
    ],
)
def test_a_forged_pass_counts_if_the_plc_had_it_for_a_whole_scan(record: Record, had: bool) -> None:
    part = Part(epoch=1, seq=1, part_id=1, ms=TRIGGERED_MS, seen_ns=0)
    assert had_a_scan(record, part, dict.fromkeys((FORGED, FORGED + 1), SENT_MS * MS)) is had
