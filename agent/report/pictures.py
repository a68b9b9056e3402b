"""Which images of the archive a report shows: the worst rejects of every class, and parts without a decision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.archive.kept_images import KeptImage, kept_names, read_image
from agent.archive.layout import Name, Why
from agent.config import Config
from agent.report.defects import Defects
from agent.report.figures import Picture

REJECTS, NO_DECISIONS = 12, 6


def pick_pictures(
    config: Config, begins: datetime, ends: datetime, defects: Defects, ranking: list[str]
) -> tuple[list[Picture], str]:
    """(the pictures, why there are none)."""
    if config.archive is None:
        return [], "the archive is off: without a table [archive] no images are kept"
    folder = config.archive.folder or config.station.state_dir / "archive"
    station = (config.station.line, config.station.name)
    kept: dict[Why, dict[int, Name]] = {Why.REJECT: {}, Why.NO_DECISION: {}}
    for name in kept_names(folder, begins, ends):
        if name.why in kept and (name.line, name.station) == station:
            kept[name.why][name.message_id] = name
    worst = (kept[Why.REJECT][message_id] for message_id in _worst(defects, ranking, set(kept[Why.REJECT])))
    undecided = reversed(kept[Why.NO_DECISION].values())
    zone = config.shifts.zone
    pictures = [*_pictures(folder, worst, REJECTS, zone), *_pictures(folder, undecided, NO_DECISIONS, zone)]
    nothing = "" if pictures or not defects.rejects else f"the archive {folder} has none of this time's rejects"
    return pictures, nothing


def _worst(defects: Defects, ranking: list[str], kept: set[int]) -> Iterator[int]:
    """message_ids: the largest defect of each class, then the second largest of each …"""
    queues = [
        sorted((found for found in defects.areas_mm2[name] if found[1] in kept), reverse=True) for name in ranking
    ]
    given: set[int] = set()
    for rank in range(max(map(len, queues), default=0)):
        for message_id in (queue[rank][1] for queue in queues if rank < len(queue)):
            if message_id not in given:
                given.add(message_id)
                yield message_id


def _pictures(folder: Path, names: Iterator[Name], most: int, zone: ZoneInfo) -> list[Picture]:
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
    largest = sorted((defect for defect in message.defects if defect.counts), key=lambda defect: -defect.area_mm2)
    return Picture(
        message_id=message.message_id,
        time=datetime.fromisoformat(message.decided_utc).astimezone(zone),
        part_id=message.part_id,
        verdict="reject" if message.verdict == "reject" else "no_decision",
        reason=message.reason,
        defects=[f"{defect.name} {defect.area_mm2:.2f} mm²" for defect in largest],
        photo=str(image.photo),
        mask=str(image.mask) if image.mask else None,
        mask_classes=image.sidecar.classes,
    )
