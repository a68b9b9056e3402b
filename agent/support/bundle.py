"""`linegate support-bundle`: every piece that can be had, blotted, in one archive; what is missing is named."""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from agent.doctor.looking import NotKnown
from agent.errors import LinegateError, in_words
from agent.give_way import give_way
from agent.new_file import new_file
from agent.support import computer_pieces, station_pieces
from agent.support.case import Case, Piece, open_case

PIECE_BYTES = 10_000_000
"""Of each; of a longer one its end, where the newest lines are. All together then go by e-mail, packed."""
PIECES = (
    Piece("config/station.toml", "the station's file as it was written", station_pieces.config_text),
    Piece("config/effective.json", "the same with all defaults", station_pieces.effective_config),
    Piece("config/check.txt", "what linegate check says", computer_pieces.check),
    Piece("config/recipes.toml", "recipes and calibration", station_pieces.recipes),
    Piece("config/operator.json", "what an operator has ordered until further notice", station_pieces.operator_orders),
    Piece("model.json", "what the model file says of itself", station_pieces.model_contract),
    Piece("versions.txt", "every Python package here", computer_pieces.versions),
    Piece("computer.txt", "system, processor, memory, disks, network, GPU", computer_pieces.computer),
    Piece("service.txt", "unit, drop-ins, properties and status by systemd", computer_pieces.unit),
    Piece("logs.txt", "what the service has logged", computer_pieces.logs),
    Piece("errors.json", "the errors among them, with tracebacks and all fields", computer_pieces.errors),
    Piece("kernel.txt", "the kernel's newest messages", computer_pieces.kernel_log),
    Piece("doctor.json", "linegate doctor --json", computer_pieces.doctor),
    Piece("journal.json", "parts by day, verdict and reason; latencies; newest events; integrity",
          station_pieces.journal),
    Piece("metrics.txt", "figures as Prometheus reads them", station_pieces.metrics),
    Piece("disk-usage.txt", "the state folder", station_pieces.disk_usage),
)  # fmt: skip
NEVER = """Left out on purpose:
  secret keys, and passwords in URLs and variables: *** stands in their place
  photos and masks, the journal's rows, the model's weights and golden images
"""


@dataclass
class Contents:
    """Of the archive: (name, about, content), and what is not in it: (name, why)."""

    members: list[tuple[str, str, bytes]]
    missing: list[tuple[str, str]]


def run_support_bundle(path: Path, output: Path | None, hours: int) -> None:
    """Write the archive and say what is in it.

    Raises ConfigError when there is no such file, UsageError where no new archive can be, Fault when the disk fails.
    """
    give_way()
    case = open_case(path, hours)
    output = output or Path(f"linegate-{case.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
    with new_file("--output", output) as unfinished:
        contents = gathered(case)
        packed = _packed(case, contents)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
    _print(output, contents, len(packed))


def gathered(case: Case) -> Contents:
    """Piece by piece; one that cannot be had keeps no other out."""
    contents = Contents([], [])
    for piece in PIECES:
        try:
            text = piece.make(case)
            if not text.strip():
                raise NotKnown("it is empty")
            if piece.name == "doctor.json":
                _add(case, contents, "doctor.txt", "the same to read", computer_pieces.doctor_text(text))
            _add(case, contents, piece.name, piece.about, text)
        except OSError as error:
            _miss(case, contents, piece, f"{error.filename or ''}: {in_words(error)}")
        except (NotKnown, LinegateError, sqlite3.Error) as why:
            _miss(case, contents, piece, str(why))
    return contents


def _miss(case: Case, contents: Contents, piece: Piece, why: str) -> None:
    contents.missing.append((piece.name, case.secrets.blotted(" ".join(why.split()))))


def _add(case: Case, contents: Contents, name: str, about: str, text: str) -> None:
    content = case.secrets.blotted(text).encode()
    if len(content) > PIECE_BYTES:
        about += f"; the last {PIECE_BYTES / 1e6:.0f} of {len(content) / 1e6:.1f} MB"
        content = content[-PIECE_BYTES:]
    contents.members.append((name, about, content))


def _packed(case: Case, contents: Contents) -> bytes:
    """As a gzipped tar, in memory: on a full disk nothing is left half written."""
    packed, folder = io.BytesIO(), f"linegate-{case.name}"
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, _, content in [("README.txt", "", _read_me(case, contents).encode()), *contents.members]:
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _read_me(case: Case, contents: Contents) -> str:
    lines = [f"Linegate support bundle of {case.name}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC", "", "In it:"]
    lines += _members(contents)
    lines += ["", "Not in it, and why:"]
    lines += [f"  {name:24} {why}" for name, why in contents.missing] or ["  nothing is missing"]
    return "\n".join([*lines, "", NEVER])


def _members(contents: Contents) -> list[str]:
    return [f"  {name:24} {len(content):>10,} bytes  {about}" for name, about, content in contents.members]


def _print(output: Path, contents: Contents, nbytes: int) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for line in _members(contents):
        console.print(line)
    for name, why in contents.missing:
        console.print(f"  {name:24} missing: {why}", style="yellow")
    console.print(f"{output}: {nbytes / 1e6:.2f} MB. Look through it before you send it.")
