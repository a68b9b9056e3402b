"""What the station's own files say: config, recipes, model, operator's orders, journal, figures."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.doctor.looking import NotKnown
from agent.doctor.station import scraped
from agent.journal.damage import all_set_aside, find_damage
from agent.journal.history import event_extent, extent, open_reader
from agent.journal.ids import ids_beside
from agent.model.store import ModelStore
from agent.report.latency import read_latencies
from agent.segmenter import Segmenter
from agent.support.case import Case, as_json
from agent.utc import utc_text

EVENTS = 200
DAYS = 60
READ_S = 20.0
"""For the days of a large journal, and as long for its integrity: newer days come first."""
MOST_FILES = 200_000
"""Looked at for the disk's usage: an archive of years."""


def config_text(case: Case) -> str:
    """As it was written."""
    return case.path.read_text(encoding="utf-8", errors="replace")


def effective_config(case: Case) -> str:
    """With all defaults."""
    return as_json(case.config.model_dump(mode="json", by_alias=True))


def recipes(case: Case) -> str:
    """All of the station's, one after the other, and its calibration."""
    paths = [case.config.recipe, *case.config.other_recipes]
    paths += [case.config.calibration.file] if case.config.calibration.file else []
    return "\n".join(f"# ===== {path}\n{path.read_text(encoding='utf-8', errors='replace')}" for path in paths)


def model_contract(case: Case) -> str:
    """Of the model in use, without the pictures of the golden samples."""
    path = ModelStore(case.config.station.state_dir, case.config.model.path).in_use()
    segmenter = Segmenter(path)  # on the processor: only what the file says is wanted
    contract = segmenter.contract.model_dump(mode="json")
    for sample in contract["golden"]:
        sample["png_base64"] = f"left out, {len(sample['png_base64'])} characters"
    return as_json({"file": str(path), "sha256": segmenter.sha256, "contract": contract})


def operator_orders(case: Case) -> str:
    """Pause and job, as they stand until further notice."""
    path = case.config.station.state_dir / "operator.json"
    if not path.exists():
        raise NotKnown("no operator has ordered anything that lasts")
    return path.read_text(encoding="utf-8", errors="replace")


def metrics(case: Case) -> str:
    """As Prometheus reads them."""
    if case.config.metrics is None:
        raise NotKnown("the station's file has no table [metrics]")
    return scraped(case.config.metrics)


def disk_usage(case: Case) -> str:
    """Bytes and files of each entry of the state folder, the largest first."""
    state_dir, left = case.config.station.state_dir, MOST_FILES
    usage: list[tuple[int, int, str]] = []
    for entry in os.scandir(state_dir):
        nbytes = count = 0
        for path in _below(entry):
            if not left:
                break
            left -= 1
            with suppress(FileNotFoundError):  # a station that runs deletes images and logs
                found = os.lstat(path)
                if stat.S_ISREG(found.st_mode):
                    nbytes, count = nbytes + found.st_size, count + 1
        usage.append((nbytes, count, entry.name))
    lines = [f"{nbytes:>16,} bytes {count:>9,} files  {name}" for nbytes, count, name in sorted(usage, reverse=True)]
    lines += [] if left else [f"not all: only {MOST_FILES:,} files were looked at"]
    disk = os.statvfs(state_dir)
    free = (
        f"{disk.f_bavail * disk.f_frsize:,} of {disk.f_blocks * disk.f_frsize:,} bytes free, {disk.f_favail:,} inodes"
    )
    return "\n".join([f"{state_dir}: {free}", *lines, ""])


def _below(entry: os.DirEntry[str]) -> Iterator[str]:
    """All but folders, whatever is deleted meanwhile; the entry itself where it is none."""
    if not entry.is_dir(follow_symlinks=False):
        yield entry.path
        return
    for folder, _, names in os.walk(entry.path):
        yield from (os.path.join(folder, name) for name in names)


def journal(case: Case) -> str:
    """What is in it, by figures: no images, no parts one by one."""
    path = case.config.station.journal
    if not path.exists():
        raise NotKnown(f"there is no {path}")
    damage, checked = find_damage(path, given=ids_beside(path).exists(), limit_s=READ_S)
    told: dict[str, Any] = {
        "file": str(path),
        "bytes": path.stat().st_size,
        "damage": damage,
        "checked": "all of it" if checked else f"for {READ_S:g} s",
        "set_aside": [aside.name for aside in all_set_aside(path)],
    }
    if damage:
        return as_json(told)
    now = datetime.now(UTC)
    with closing(open_reader(path)) as db:
        parts, stages = read_latencies(db, now - timedelta(hours=case.hours), now)
        told |= {
            "message_ids": extent(db),
            "event_ids": event_extent(db),
            "days": _days(db, now),
            "latencies_ms": {"parts": parts, "hours": case.hours, "stages": [stage.model_dump() for stage in stages]},
            "events": _events(db),
        }
    return as_json(told)


def _days(db: sqlite3.Connection, now: datetime) -> list[dict[str, Any]]:
    """Rows by UTC day, kind, verdict and reason, the newest day first; each day is a read of its own, and short."""
    end_s, days = time.monotonic() + READ_S, list[dict[str, Any]]()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(DAYS):
        if time.monotonic() > end_s:
            days.append({"day": f"before {day.date()}", "not_read": f"it took longer than {READ_S:g} s"})
            break
        rows = db.execute(
            "SELECT kind, verdict, reason, count(*) AS rows, sum(in_time = 0) AS acknowledged_late FROM inspections "
            "WHERE decided_utc >= ? AND decided_utc < ? GROUP BY kind, verdict, reason ORDER BY rows DESC",
            (utc_text(day), utc_text(day + timedelta(days=1))),
        ).fetchall()
        days += [{"day": f"{day.date()}"} | dict(row) for row in rows]
        day -= timedelta(days=1)
    return days


def _events(db: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = db.execute("SELECT * FROM events ORDER BY event_id DESC LIMIT ?", (EVENTS,)).fetchall()
    return [dict(row) for row in reversed(rows)]
