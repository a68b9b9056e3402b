"""What in the documents comes from the code: whole files in docs/plc, and the tables between markers in the pages."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, IntFlag
from pathlib import Path

from agent.inspection import Reason
from agent.plc.map.meanings import meaning
from agent.plc.map.rows import sections
from agent.plc.map.structured_text import structured_text
from agent.plc.map.table import markdown, markdown_section, tag_list
from agent.plc.register_map import STOP_ALARMS, Alarm, Status
from agent.plc.wires.serial_timing import Exchanges, SerialLine
from docs.plc.remedies import REMEDIES
from docs.plc.timing.scenarios import PICTURES

FOLDER = Path(__file__).parent
GUIDE = FOLDER.parent / "plc.md"
PAGES = (GUIDE, FOLDER.parent / "operation.md")
BAUD_RATES = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600)
END = "<!-- end -->"


def files() -> dict[str, str]:
    """Text by file name."""
    texts = {
        "registers.md": markdown("words"),
        "registers.csv": tag_list("words"),
        "registers_bits.md": markdown("bits"),
        "registers_bits.csv": tag_list("bits"),
        "Linegate_Map.st": structured_text(),
    }
    return texts | {f"{name}.svg": picture.svg() for name, picture in PICTURES.items()}


def blocks() -> dict[str, str]:
    """Text by the marker that it follows in a page."""
    both = "\n".join(markdown_section(section) for section in list(sections())[:2])
    return {
        "<!-- linegate plc map --format md: blocks -->": both,
        "<!-- RTU cycle by baud rate -->": _baud_table(),
        "<!-- alarms for the PLC -->": _table(
            ("alarm", "what it means", "PLC"),
            [(f"`{alarm.name}`", meaning(alarm), _asked_of_plc(alarm)) for alarm in Alarm],
        ),
        "<!-- alarms -->": _table(
            ("alarm", "what it means", "line", "look at, do", "then cleared by"),
            [(f"`{alarm.name}`", meaning(alarm), _asked_of_plc(alarm), *REMEDIES[Alarm][alarm]) for alarm in Alarm],
        ),
        "<!-- status -->": _remedies(Status, "when it is not as it should be"),
        "<!-- reasons -->": _remedies(Reason, "look at, do"),
    }


def filled(page: str) -> str:
    """The page with its tables as they are now."""
    for marker, text in blocks().items():
        if marker in page:
            before, rest = page.split(marker, 1)
            page = f"{before}{marker}\n{text}{END}{rest.split(END, 1)[1]}"
    return page


def _asked_of_plc(alarm: Alarm) -> str:
    return "stop, signal" if alarm in STOP_ALARMS else "signal"


def _remedies(kind: type[IntEnum | IntFlag], action: str) -> str:
    return _table(
        ("bit" if issubclass(kind, IntFlag) else "reason", "what it means", action),
        [(f"`{_said(member)}`", meaning(member), str(REMEDIES[kind][member])) for member in kind],
    )


def _said(member: IntEnum | IntFlag) -> str:
    """Bits as in PLC and watch, reasons as in journal and watch."""
    name = str(member.name)
    return name if isinstance(member, IntFlag) else f"{member.value} {name.lower()}"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _baud_table() -> str:
    lines = [
        "| baud rate | read | write | cycle, FC03 + FC16 | cycle, FC23 | cycle, profile bits |",
        "|---|---|---|---|---|---|",
    ]
    for baud_rate in BAUD_RATES:
        line = SerialLine("", baud_rate)
        words, combined = Exchanges.of_words(line, combined=False), Exchanges.of_words(line, combined=True)
        times = (words.read_ms, words.write_ms, words.cycle_ms, combined.cycle_ms, Exchanges.of_bits(line).cycle_ms)
        lines.append(f"| {baud_rate} | " + " | ".join(f"{time_ms:.1f} ms" for time_ms in times) + " |")
    return "\n".join(lines) + "\n"
