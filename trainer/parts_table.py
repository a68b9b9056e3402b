"""reports/parts.csv: one row a judged photo, all that scores, curve and confusion are computed from."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from agent.errors import ConfigError
from agent.inspection import Verdict
from trainer.pixel_counts import PixelCounts
from trainer.tiles import GOOD

CENTRE, SUSPICION, REJECTED_AT = "centre_", "suspicion_", "rejected_at_"


@dataclass(frozen=True)
class Part:
    """One photo as the line would have judged it, with its truth."""

    image: str
    group: int
    """The physical tile; photos of one group are no independent trials."""
    label: str
    defect_px: int
    """Of the mask, in pixels of the photo. 0 with a defect class: the mask is empty."""
    verdict: Verdict
    """At the thresholds that the model ships with."""
    called: str
    """Class of the largest region that counts, GOOD when it passes, or `no_decision`."""
    pixels: PixelCounts
    centre: PixelCounts
    """Of the part of the photo that trainer.seed_protocol scores, in its pixels."""
    suspicion: dict[str, float]
    """Per class the highest threshold, 0..1, at which that class alone would reject the part; 0 where none would."""
    rejected_at: dict[float, bool]
    """Verdicts at the thresholds chosen for each allowed overkill (a share of good tiles), on validation tiles."""

    @property
    def good(self) -> bool:
        return self.label == GOOD

    @property
    def thrown_away(self) -> bool:
        """The line rejects what it could not decide on."""
        return self.verdict is not Verdict.PASS

    @property
    def has_truth(self) -> bool:
        """Can its pixels be scored? A mask that is empty, or so small that shrinking loses it, tells nothing."""
        return self.good or self.pixels.truth > 0


def write_parts(parts: Sequence[Part], path: Path) -> None:
    """ValueError when there is none: the header names the classes."""
    if not parts:
        raise ValueError("no part was judged")
    with path.open("w", newline="") as sink:
        writer = csv.DictWriter(sink, list(_record(parts[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_record(part) for part in parts)


def read_parts(path: Path) -> list[Part]:
    """ConfigError when the file is missing or not such a table."""
    try:
        with path.open(newline="") as source:
            return [_part(record) for record in csv.DictReader(source)]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: run 'python -m trainer.evaluate' for its split") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: not a table of judged parts ({error}): evaluate that split again") from error


PIXELS = tuple(field.name for field in fields(PixelCounts))


def _record(part: Part) -> dict[str, object]:
    return {
        "image": part.image,
        "group": part.group,
        "label": part.label,
        "defect_px": part.defect_px,
        "verdict": part.verdict.value,
        "called": part.called,
        **_counts("", part.pixels),
        **_counts(CENTRE, part.centre),
        **{f"{SUSPICION}{name}": f"{level:.4f}" for name, level in part.suspicion.items()},
        **{f"{REJECTED_AT}{allowed:g}": int(rejected) for allowed, rejected in part.rejected_at.items()},
    }


def _counts(prefix: str, pixels: PixelCounts) -> dict[str, int]:
    return {f"{prefix}{name}_px": count for name, count in zip(PIXELS, astuple(pixels), strict=True)}


def _part(record: dict[str, str]) -> Part:
    return Part(
        image=record["image"],
        group=int(record["group"]),
        label=record["label"],
        defect_px=int(record["defect_px"]),
        verdict=Verdict(record["verdict"]),
        called=record["called"],
        pixels=PixelCounts(*(int(record[f"{name}_px"]) for name in PIXELS)),
        centre=PixelCounts(*(int(record[f"{CENTRE}{name}_px"]) for name in PIXELS)),
        suspicion={name: float(level) for name, level in _columns(record, SUSPICION).items()},
        rejected_at={float(allowed): bool(int(found)) for allowed, found in _columns(record, REJECTED_AT).items()},
    )


def _columns(record: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in record.items() if name.startswith(prefix)}
