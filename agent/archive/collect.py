"""Hand kept images over for labelling: a new folder in the trainer's layout, whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import cv2

from agent.archive.kept_images import KeptImage, PictureFile, kept_images
from agent.archive.labelling import Label, file_name, label
from agent.archive.layout import Why
from agent.errors import Fault, UsageError, in_words
from agent.inspection import Image
from agent.pictures import decoded, jpeg, png
from agent.shipped import shipped

JPEG = [cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
NOT_JUDGED, DAMAGED, MISSED = "nobody judged them", "damaged", "challenge parts that were taken for good"
COLUMNS = (
    *("file", "class", "other_classes", "message_id", "line", "station", "part_id", "decided_utc", "verdict", "reason"),
    *("why", "margin", "peak_scores", "model_sha256", "recipe", "recipe_sha256", "photo_sha256"),
)


@dataclass(frozen=True)
class Wanted:
    """What is asked for: images that meet all of it; None or nothing = no limit."""

    from_utc: datetime | None = None
    to_utc: datetime | None = None
    verdict: str | None = None
    name: str | None = None
    """Of a class with a region on the part."""
    why: Why | None = None
    message_ids: frozenset[int] = frozenset()
    limit: int | None = None
    """The newest so many."""

    def met_by(self, image: KeptImage) -> bool:
        """Time, station and number aside."""
        told, uncertain = image.sidecar.message, image.sidecar.uncertain
        return (
            (self.verdict is None or told.verdict == self.verdict)
            and (self.name is None or self.name in {defect.name for defect in told.defects})
            and (self.why is None or image.sidecar.why is self.why or (self.why is Why.UNCERTAIN and uncertain))
            and (not self.message_ids or told.message_id in self.message_ids)
        )


@dataclass
class Collected:
    """What has become of it."""

    classes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        there = ", ".join(f"{name} {count}" for name, count in sorted(self.classes.items()))
        out = "; ".join(f"{count} {why}" for why, count in sorted(self.left_out.items()))
        return f"{self.classes.total()} images: {there}" + (f"; left out: {out}" if out else "")


def collect(archive: Path, station: tuple[str, str], wanted: Wanted, out: Path) -> Collected:
    """Fill `out`, which must be new. Raises UsageError when it is not, or nothing is found; Fault when a disk fails."""
    if out.exists() or out.is_symlink():
        raise UsageError(f"--out {out} is there already: name a new folder")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}: make it first (mkdir -p), or give another")
    try:
        found = kept_images(archive, wanted.from_utc, wanted.to_utc, station=station)
        images = deque((image for image in found if wanted.met_by(image)), maxlen=wanted.limit)
        if not images:
            raise UsageError(_nothing(archive, station, wanted))
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
            unfinished = Path(temporary) / out.name
            unfinished.mkdir()
            collected = _fill(unfinished, images)
            if not collected.classes:
                raise UsageError(f"of what meets that nothing can be labelled: {collected}: ask for others")
            unfinished.rename(out)
    except OSError as error:
        raise Fault(f"{error.filename or out}: {in_words(error)}: nothing is collected") from error
    return collected


def _nothing(archive: Path, station: tuple[str, str], wanted: Wanted) -> str:
    """Why there is no image."""
    if not archive.is_dir():
        return f"there is no archive {archive} yet: with a table [archive] a running station keeps images there"
    known = {name for image in kept_images(archive, station=station) for name in image.sidecar.classes}
    if wanted.name is not None and known and wanted.name not in known:
        return f"--class {wanted.name}: no such class: the images in {archive} know {', '.join(sorted(known))}"
    return f"no image in {archive} meets that: ask for a longer time, or for less"


def _fill(folder: Path, images: Iterable[KeptImage]) -> Collected:
    collected = Collected()
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as sink:
        manifest = csv.DictWriter(sink, COLUMNS, lineterminator="\n")
        manifest.writeheader()
        for image, photo, found in _labelled(images, collected):
            path = folder / found.folder / file_name(image.sidecar)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".jpg").write_bytes(jpeg(photo, JPEG))
            path.with_suffix(".png").write_bytes(png(found.mask))
            manifest.writerow(_row(image, found))
            collected.classes[found.name] += 1
    shutil.copyfile(shipped("config/labelling.txt"), folder / "README.txt")
    return collected


def _labelled(images: Iterable[KeptImage], collected: Collected) -> Iterator[tuple[KeptImage, Image, Label]]:
    """Those that can be handed over, with photo and label; the others are counted by why not."""
    for image in images:
        photo = _picture(image.photo, image.sidecar.photo, cv2.IMREAD_UNCHANGED)
        mask = _picture(image.mask, image.sidecar.mask, cv2.IMREAD_GRAYSCALE) if image.mask else None
        if image.mask is None:
            collected.left_out[NOT_JUDGED] += 1
        elif photo is None or mask is None or mask.shape != photo.shape[:2]:
            collected.left_out[DAMAGED] += 1
        elif (found := label(image.sidecar, mask)) is None:
            collected.left_out[MISSED] += 1
        else:
            yield image, photo, found


def _picture(path: Path, said: PictureFile | None, flags: int) -> Image | None:
    """None: it is not what was written."""
    data = path.read_bytes()
    if said is None or hashlib.sha256(data).hexdigest() != said.sha256:
        return None
    return decoded(data, flags)


def _row(image: KeptImage, found: Label) -> dict[str, object]:
    sidecar = image.sidecar
    told = sidecar.message.model_dump(include=set(COLUMNS))
    return told | {
        "file": f"{found.folder}/{file_name(sidecar)}.jpg",
        "class": found.name,
        "other_classes": " ".join(found.others),
        "why": sidecar.why,
        "peak_scores": json.dumps(sidecar.message.peak_scores),
        "photo_sha256": sidecar.photo.sha256,
    }
