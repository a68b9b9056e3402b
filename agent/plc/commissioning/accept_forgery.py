"""Words that must never let a part pass: a PASS with one thing wrong, each with the mistake that a PLC makes which
believes it. Pure; what is forged is the block that goes to the PLC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.plc.commissioning.accept_mistakes import STALE_EPOCH, Mistake
from agent.plc.register_map import AGENT_BLOCK, MAX_SEQ, RING_SLOTS, Status, VerdictCode, next_seq


def true_pass(words: list[int], seq: int, part_id: int) -> None:
    """A PASS as it must be, nothing wrong."""
    put_result(words, seq, seq, VerdictCode.PASS ^ seq, part_id)


def put_result(words: list[int], place: int, seq: int, word: int, part_id: int) -> None:
    """Fill the slot where `place` belongs."""
    values = {"seq": seq, "verdict": word, "part_lo": part_id & 0xFFFF, "reason": 0}
    AGENT_BLOCK.put_slot(words, "RESULT", place, values)
    for head in ("RES_HEAD", "RES_TAIL"):
        AGENT_BLOCK.put(words, head, place)


def erase(words: list[int], seq: int) -> bool:
    """Say nothing of this part; was there something said of it?"""
    spoken = bool(AGENT_BLOCK.slot(words, "RESULT", seq)["seq"] == seq)
    if spoken:
        AGENT_BLOCK.put_slot(words, "RESULT", seq, dict.fromkeys(("seq", "verdict", "part_lo", "reason"), 0))
    return spoken


def blank(words: list[int]) -> None:
    """Nobody is here: STATUS = 0 and not a word of any part."""
    for offset in range(AGENT_BLOCK.count):
        if offset not in _IDENTITY:
            words[offset] = 0


_IDENTITY = {r.offset for r in AGENT_BLOCK.registers if r.name in ("MAP_ID", "AGENT_HB", "AGENT_EPOCH")}


def _one_lap_before(seq: int) -> int:
    """What had the slot before."""
    return (seq - 1 - RING_SLOTS) % MAX_SEQ + 1


def _add(words: list[int], name: str, step: int) -> None:
    AGENT_BLOCK.put(words, name, (AGENT_BLOCK.get(words, name) + step) & 0xFFFF)


def _wrong_map(words: list[int], seq: int, part_id: int) -> None:
    true_pass(words, seq, part_id)
    _add(words, "MAP_ID", 0x100)


def _wrong_plc_epoch(words: list[int], seq: int, part_id: int) -> None:
    true_pass(words, seq, part_id)
    AGENT_BLOCK.put(words, "PLC_EPOCH_ECHO", next_seq(AGENT_BLOCK.get(words, "PLC_EPOCH_ECHO")))


def _wrong_agent_epoch(words: list[int], seq: int, part_id: int) -> None:
    true_pass(words, seq, part_id)
    AGENT_BLOCK.put(words, "AGENT_EPOCH", next_seq(AGENT_BLOCK.get(words, "AGENT_EPOCH")))


def _bare_word(words: list[int], seq: int, part_id: int) -> None:
    put_result(words, seq, seq, VerdictCode.PASS, part_id)


def _old_word(words: list[int], seq: int, part_id: int) -> None:
    put_result(words, seq, seq, VerdictCode.PASS ^ _one_lap_before(seq), part_id)


def _old_slot(words: list[int], seq: int, part_id: int) -> None:
    old = _one_lap_before(seq)
    put_result(words, seq, old, VerdictCode.PASS ^ old, part_id)


def _other_seq(words: list[int], seq: int, part_id: int) -> None:
    put_result(words, seq, _one_lap_before(seq), VerdictCode.PASS ^ seq, part_id)


def _wrong_part(words: list[int], seq: int, part_id: int) -> None:
    put_result(words, seq, seq, VerdictCode.PASS ^ seq, part_id ^ 1)


def _torn(words: list[int], seq: int, part_id: int) -> None:
    true_pass(words, seq, part_id)
    AGENT_BLOCK.put(words, "RES_TAIL", (seq - 2) % MAX_SEQ + 1)


def _not_ready(words: list[int], seq: int, part_id: int) -> None:
    true_pass(words, seq, part_id)
    AGENT_BLOCK.put(words, "STATUS", Status.ONLINE)


def _word(word: int) -> Callable[[list[int], int, int], None]:
    return lambda words, seq, part_id: put_result(words, seq, seq, word, part_id)


def _code(code: int) -> Callable[[list[int], int, int], None]:
    return lambda words, seq, part_id: put_result(words, seq, seq, code ^ seq, part_id)


@dataclass(frozen=True)
class Forgery:
    """`spoil(words, seq, part_id)` forges the PASS; `late`: only once the decision point has passed."""

    name: str
    spoil: Callable[[list[int], int, int], None]
    mistake: Mistake
    late: bool = False


_NOT_XORED = Mistake(
    "the word is not proved by its seq", "PASS is (verdict XOR seq) = 16#5AA5, with the seq of the part in the queue"
)
_SLOT_SEQ = Mistake("the slot's seq is not compared", "take a slot only when slot.seq equals the part's seq")
_UNKNOWN_WORD = Mistake(
    "an unknown word counts as PASS", "only 16#5AA5 (after XOR) is PASS: test for it, not for the others"
)
FORGERIES = (
    Forgery("PASS under another MAP_ID", _wrong_map, Mistake(
        "MAP_ID of the agent's block is not checked", "take no verdict while its MAP_ID <> 16#5601")),
    Forgery("PASS with another PLC_EPOCH_ECHO", _wrong_plc_epoch, Mistake(
        "PLC_EPOCH_ECHO is not checked",
        "take no verdict while PLC_EPOCH_ECHO <> PLC_EPOCH: it may belong to parts before the PLC's restart")),
    Forgery("PASS from another AGENT_EPOCH", _wrong_agent_epoch, STALE_EPOCH),
    Forgery("PASS word not XORed with seq", _bare_word, _NOT_XORED),
    Forgery("old PASS word beside the new seq", _old_word, _NOT_XORED),
    Forgery("PASS of the part one lap before, in its old slot", _old_slot, _SLOT_SEQ),
    Forgery("right PASS word beside another seq", _other_seq, _SLOT_SEQ),
    Forgery("PASS for another part id", _wrong_part, Mistake(
        "part_lo is not compared", "take a slot only when slot.part_lo equals the low word of the part's id")),
    Forgery("PASS in a torn block (RES_HEAD <> RES_TAIL)", _torn, Mistake(
        "RES_HEAD and RES_TAIL are not compared", "take no verdict in a scan in which RES_HEAD <> RES_TAIL")),
    Forgery("PASS while STATUS is not READY", _not_ready, Mistake(
        "READY is not checked", "take no verdict while STATUS lacks ONLINE (b0) or READY (b1)")),
    Forgery("verdict word 16#FFFF", _word(0xFFFF), _UNKNOWN_WORD),
    Forgery("verdict word 0", _word(0), _UNKNOWN_WORD),
    Forgery("unknown verdict code", _code(0x1234), _UNKNOWN_WORD),
    Forgery("PASS after the decision point", true_pass, Mistake(
        "a verdict is taken after the decision point",
        "decide each part once, DECIDE_MS (DECIDE_COUNTS) after its trigger, and take no verdict from then on"),
        late=True),
)  # fmt: skip
