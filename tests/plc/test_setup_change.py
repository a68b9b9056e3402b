"""A swap as the PLC sees it: MODEL_ID and RECIPE_ID are of now, a part's answer is of its own model."""

from __future__ import annotations

from dataclasses import replace

from agent.inspection import Defect, Inspection, Judgement, Reason, Verdict
from agent.plc.decision import Decision
from agent.plc.register_map import AGENT_BLOCK
from agent.setup import Setup
from tests.plc.test_orders import Desk

NEW = Setup("abcd" * 16, {1: ("own", "3333"), 2: ("other", "4444")}, ("background", "dent", "crack"))


def test_a_part_keeps_the_setup_of_its_trigger() -> None:
    desk = Desk()
    before = desk.part()
    desk.handshake.change_setup(NEW)
    after = desk.part()
    assert before is not None
    assert after is not None
    assert (before.setup is not NEW, after.setup) == (True, NEW)
    assert (desk.word("MODEL_ID"), desk.word("RECIPE_ID")) == (0xABCD, 0x3333)
    for part, index in ((before, 1), (after, 2)):
        seen = Inspection(part, Judgement(Verdict.REJECT, Reason.DEFECT, (CRACK,)), {}, desk.now_ns)
        settled = desk.handshake.ledger.settle(
            Decision(part, Verdict.REJECT, Reason.DEFECT, desk.now_ns, evidence=seen)
        )
        assert settled is not None
        desk.handshake.release(settled)
        desk.cycle()
        assert AGENT_BLOCK.slot(desk.agent_words, "DETAIL", part.seq)["class"] == index


def test_only_the_setup_changes() -> None:
    desk = Desk()
    facts = desk.handshake.facts
    desk.handshake.change_setup(NEW)
    assert desk.handshake.facts == replace(facts, setup=NEW)


CRACK = Defect("crack", 0.9, 1.0, 2.0, 3.0, 4.0, counts=True)
