"""What in docs/plc comes from the code: whole files, and the tables between markers in docs/plc.md."""

from __future__ import annotations

from pathlib import Path

from agent.plc.map.rows import sections
from agent.plc.map.structured_text import structured_text
from agent.plc.map.table import markdown, markdown_section, tag_list
from agent.plc.wires.serial_timing import Exchanges, SerialLine
from docs.plc.timing.scenarios import PICTURES

FOLDER = Path(__file__).parent
GUIDE = FOLDER.parent / "plc.md"
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
    """Text by the marker that it follows in the guide."""
    both = "\n".join(markdown_section(section) for section in list(sections())[:2])
    return {
        "<!-- linegate plc map --format md: blocks -->": both,
        "<!-- RTU cycle by baud rate -->": _baud_table(),
    }


def filled(guide: str) -> str:
    """The guide with its tables as they are now."""
    for marker, text in blocks().items():
        before, rest = guide.split(marker, 1)
        guide = f"{before}{marker}\n{text}{END}{rest.split(END, 1)[1]}"
    return guide


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
