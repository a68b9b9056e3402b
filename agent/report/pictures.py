"""Which images of the archive a report shows: the worst rejects of every class, and parts without a decision."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from heapq import nlargest
from itertools import chain, zip_longest
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.archive.kept_images import KeptImage, archive_folder, read_image
from agent.archive.layout import SIDECAR, Name, days, files
from agent.config import Config
from agent.in_yield import COUNTS
from agent.report.defects import Defects
from agent.report.figures import Picture
from agent.report.tallies import DURING
from agent.utc import moment_of, utc_span

REJECTS, NO_DECISIONS = 12, 6
CANDIDATES, CANDIDATES_UNDECIDED = 200, 2000
"""So many rejects of each class, and so many without a decision: the archive need not have all of them."""


def pick_pictures(
    config: Config, journal: sqlite3.Connection, begins: datetime, ends: datetime, defects: Defects, ranking: list[str]
) -> tuple[list[Picture], str]:
    """(the pictures, why there are none)."""
    if config.archive is None:
        return [], "the archive is off: without a table [archive] no images are kept"
    folder, zone = archive_folder(config), config.shifts.zone
    of_class = [[found for _, found in nlargest(CANDIDATES, defects.areas_mm2[name])] for name in ranking]
    undecided = _newest_undecided(journal, begins, ends)
    kept = _kept(config, folder, begins, ends, {*undecided, *chain(*of_class)})
    rejects = _in_turn([[found for found in ids if found in kept] for ids in of_class])
    pictures = [
        *_pictures(folder, [kept[found] for found in rejects], REJECTS, zone),
        *_pictures(folder, [kept[found] for found in undecided if found in kept], NO_DECISIONS, zone),
    ]
    nothing = "" if pictures or not defects.rejects else f"the archive {folder} has none of this time's rejects"
    return pictures, nothing


def _in_turn(of_class: list[list[int]]) -> list[int]:
    """The first of each class, then the second of each …; each once."""
    return list(dict.fromkeys(found for rank in zip_longest(*of_class) for found in rank if found is not None))


def _newest_undecided(journal: sqlite3.Connection, begins: datetime, ends: datetime) -> list[int]:
    rows = journal.execute(
        f"SELECT message_id FROM inspections WHERE {DURING} AND verdict = 'no_decision' AND {COUNTS} "
        "ORDER BY decided_utc DESC LIMIT ?",
        (*utc_span(begins, ends), CANDIDATES_UNDECIDED),
    )
    return [message_id for (message_id,) in rows]


def _kept(config: Config, folder: Path, begins: datetime, ends: datetime, wanted: set[int]) -> dict[int, Name]:
    """Those of the wanted that the archive has; of a hundred thousand names no more than these are looked into."""
    station, ids = (config.station.line, config.station.name), {str(message_id) for message_id in wanted}
    first, last = (f"{moment.astimezone(UTC):%Y-%m-%d}" for moment in (begins, ends))
    found = {}
    for day in (day for day in days(folder) if first <= day <= last):
        for file in (entry.name for entry in files(folder / day) if entry.name.endswith(SIDECAR)):
            if not ids.isdisjoint(file.split("_", 2)[1:2]):
                name = Name.parse(day, file.removesuffix(SIDECAR))
                if name is not None and (name.line, name.station) == station and begins <= name.decided < ends:
                    found[name.message_id] = name
    return found


def _pictures(folder: Path, names: list[Name], most: int, zone: ZoneInfo) -> list[Picture]:
    """The first so many that are still there."""
    found: list[Picture] = []
    for name in names:
        image = read_image(folder, name)
        if image is not None:
            found.append(_picture(image, zone))
        if len(found) == most:
            break
    return found


def _picture(image: KeptImage, zone: ZoneInfo) -> Picture:
    message = image.sidecar.message
    largest = sorted(message.counting, key=lambda defect: -defect.area_mm2)
    return Picture(
        message_id=message.message_id,
        time=moment_of(message.decided_utc).astimezone(zone),
        part_id=message.part_id,
        verdict="reject" if message.verdict == "reject" else "no_decision",
        reason=message.reason,
        defects=[f"{defect.name} {defect.area_mm2:.2f} mm²" for defect in largest],
        photo=str(image.photo),
        mask=str(image.mask) if image.mask else None,
        mask_classes=image.sidecar.classes,
    )
