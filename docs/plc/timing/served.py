"""The server's role: a PLC that writes when it likes, one write of which is held up on the way."""

from __future__ import annotations

from agent.plc.decision import MS, Timing
from agent.plc.handshake import Handshake
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, Status
from agent.plc.sim.inputs import Edge
from agent.plc.sim.program import PlcProgram
from agent.plc.wires.served import ServedImages
from docs.plc.timing.svg import Lane

CYCLE_MS, SCAN_AFTER_MS, WRITE_AFTER_MS, HELD_UP_MS = 40, 10, 16, 70
CLOCK_MS = 10_000
PART_AT_MS, HELD_UP_CYCLE = 100, 3


def served_bracket() -> dict[str, Lane]:
    """Each cycle: the PLC reads our block, scans, and writes its own; the fourth write comes late."""
    plc, agent, served = PlcProgram(1, 400), Handshake(Timing(100, 30, 10), 1), ServedImages()
    names = ("PLC reads (FC03)", "PLC scan", "PLC writes (FC16)", "photo-eye", "block was filled in",
             "Linegate: part is")  # fmt: skip
    lanes = {name: Lane(name) for name in names}
    lanes["photo-eye"].moments.append((PART_AT_MS, "part 1"))
    for cycle in range(-2, 5):
        read_ms = 4 + cycle * CYCLE_MS
        scan_ms, write_ms = read_ms + SCAN_AFTER_MS, read_ms + WRITE_AFTER_MS
        write_ms += HELD_UP_MS if cycle == HELD_UP_CYCLE else 0
        if cycle > HELD_UP_CYCLE:
            break
        image = agent.block(Status.ONLINE | Status.READY, True)
        served.add(image, (CLOCK_MS + read_ms) * MS)
        edges = [Edge(1, CLOCK_MS + PART_AT_MS)] if scan_ms - CYCLE_MS < PART_AT_MS <= scan_ms else []
        plc.scan(CLOCK_MS + scan_ms, edges, image)
        beat = PLC_BLOCK.get(plc.words, "AGENT_HB_ECHO")
        bracket = served.of(beat)
        assert bracket is not None
        seen = agent.observe(list(plc.words), bracket.first_ns, (CLOCK_MS + write_ms) * MS)
        if read_ms < 0:
            continue
        lanes["PLC reads (FC03)"].moments.append((read_ms, f"HB {AGENT_BLOCK.get(image, 'AGENT_HB')}"))
        lanes["PLC scan"].moments.append((scan_ms, f"echo {beat}"))
        lanes["PLC writes (FC16)"].moments.append((write_ms, f"echo {beat}"))
        first_ms = bracket.first_ns // MS - CLOCK_MS
        lanes["block was filled in"].spans.append((first_ms, write_ms, f"after HB {beat}"))
        for trigger in seen.triggers:
            lanes["Linegate: part is"].moments.append((write_ms, f"part {trigger.part_id}: take its photo"))
        for decision in seen.settled:
            lanes["Linegate: part is"].moments.append((write_ms, f"{decision.verdict.name} ({decision.reason.name})"))
    return lanes
