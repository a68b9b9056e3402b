"""What an engineer has changed of a station's unit: the drop-ins of all stations, and its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.service import unit_of

UNITS = Path("/etc/systemd/system")


def drop_ins(station: Path) -> str:
    """One after the other in systemd's order, by file name: what comes later has the last word.

    Without those that cannot be read: `unreadable` names them.
    """
    texts = list[str]()
    for path in _files(station):
        with suppress(OSError):
            texts.append(_text(path))
    return "\n".join(texts)


def unreadable(station: Path) -> Iterator[tuple[Path, OSError]]:
    """What they open or allow is not known."""
    for path in _files(station):
        try:
            _text(path)
        except OSError as error:
            yield path, error


def _files(station: Path) -> list[Path]:
    found = [*UNITS.glob("linegate@.service.d/*.conf"), *UNITS.glob(f"{unit_of(station)}.d/*.conf")]
    return sorted(found, key=lambda path: path.name)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
