"""The simulated belt: parts at a constant pitch, what the lens sees of them, and the log of what truly happened.

Escapes and overkill are judged here, by the part that lies before the arm when it acts, never by numbers
that the agent or the PLC program claim.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

from agent.errors import ConfigError
from agent.inspection import Image
from agent.plc.register_map import OutcomeCode
from agent.procedural import DEFECT_CLASSES, render_belt, render_tile

SIDE_PX = 256
PITCH_PX = 320
"""Distance of two parts on the belt, in the lens' pixels: wider than the view, so that a gap is seen as one."""


@dataclass(frozen=True)
class BeltPart:
    """A part and the truth about it."""

    part_id: int
    kind: str
    """'free' or the defect class."""
    image: Image

    @property
    def good(self) -> bool:
        return self.kind == "free"


def procedural_parts(count: int, defect_share: float, seed: int) -> list[BeltPart]:
    """`count` rendered tiles, a `defect_share` of them with a defect of a random class."""
    rng = np.random.default_rng(seed)
    kinds = [str(rng.choice(DEFECT_CLASSES)) if rng.random() < defect_share else "free" for _ in range(count)]
    return [
        BeltPart(part_id, kind, render_tile(rng, kind, SIDE_PX, SIDE_PX)[0]) for part_id, kind in enumerate(kinds, 1)
    ]


def blank_parts(count: int) -> list[BeltPart]:
    """`count` good parts with next to no photo: for tests of the link alone, whose segmenter follows a script."""
    image = np.full((16, 16), 128, np.uint8)
    return [BeltPart(part_id, "free", image) for part_id in range(1, count + 1)]


def photo_parts(folder: Path, count: int, defect_share: float, seed: int) -> list[BeltPart]:
    """`count` photos drawn from a folder in the data set's layout (`MT_<Class>/Imgs/*.jpg`).

    Raises ConfigError when the folder is missing, holds no such class folders, or a photo cannot be read.
    """
    photos = {child.name.removeprefix("MT_").lower(): sorted((child / "Imgs").glob("*.jpg"))
              for child in sorted(folder.glob("MT_*"))}  # fmt: skip
    bad = [(kind, path) for kind, paths in photos.items() if kind != "free" for path in paths]
    good = [("free", path) for path in photos.get("free", [])]
    if not good or not bad:
        raise ConfigError(
            f"images {folder}: no photos in {folder}/MT_Free/Imgs and MT_<Defect>/Imgs: "
            "give the folder of the unpacked magnetic-tile data set"
        )
    rng = np.random.default_rng(seed)
    pools = [bad if rng.random() < defect_share else good for _ in range(count)]
    drawn = [pool[int(rng.integers(len(pool)))] for pool in pools]
    return [BeltPart(part_id, kind, _read(path)) for part_id, (kind, path) in enumerate(drawn, 1)]


def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ConfigError(f"images: {path} cannot be read as an image: remove or replace it")
    return np.asarray(image, np.uint8)


class Belt:
    """Parts pass the photo-eye (and lens) at `rate_per_s`, and the arm `decide_ms` later.

    Part i is exactly under the lens at i / rate; times are seconds since the belt started.
    """

    def __init__(self, parts: list[BeltPart], rate_per_s: float) -> None:
        self.parts = parts
        self.pitch_s = 1.0 / rate_per_s
        self._empty = render_belt(np.random.default_rng(0), SIDE_PX, SIDE_PX)

    def edge_s(self, index: int) -> float:
        """When part `index` reaches the photo-eye."""
        return (index + 1) * self.pitch_s

    def under_lens(self, time_s: float) -> Image:
        """The photo at `time_s`: the nearest part, shifted by how far it is from the centre; else bare belt."""
        index = min(max(round(time_s / self.pitch_s) - 1, 0), len(self.parts) - 1)
        shift_px = round((time_s - self.edge_s(index)) / self.pitch_s * PITCH_PX)
        image = self.parts[index].image
        if abs(shift_px) >= image.shape[0]:
            return self._empty
        return image if shift_px == 0 else self._shifted(image, shift_px)

    def before_arm(self, passed_eye_s: float) -> BeltPart | None:
        """The part that lies before the arm when what passed the photo-eye at `passed_eye_s` has reached it."""
        index = round(passed_eye_s / self.pitch_s) - 1
        return self.parts[index] if 0 <= index < len(self.parts) else None

    def _shifted(self, image: Image, shift_px: int) -> Image:
        height, width = image.shape[:2]
        canvas = np.array(cv2.resize(self._empty, (width, height)), np.uint8)
        if shift_px > 0:
            canvas[shift_px:] = image[: height - shift_px]
        else:
            canvas[:shift_px] = image[-shift_px:]
        return canvas


class TruthLog:
    """One JSON line a part at the moment the arm acts: what it was, what the PLC had, what was done."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("w", encoding="utf-8") if path else None

    def write(self, part: BeltPart | None, seq: int, part_id: int, outcome: OutcomeCode, passed_eye_ms: int) -> None:
        """`part` is what truly lay before the arm; `part_id` what the PLC took it for."""
        if self._file is None:
            return
        passed = outcome is OutcomeCode.PASSED
        record = {
            "passed_eye_ms": passed_eye_ms,
            "seq": seq,
            "part_id": part_id,
            "true_part_id": part.part_id if part else None,
            "kind": part.kind if part else None,
            "outcome": outcome.name.lower(),
            "arm": "let_pass" if passed else "rejected",
            "escape": bool(part and passed and not part.good),
            "overkill": bool(part and not passed and part.good),
        }
        print(json.dumps(record), file=self._file, flush=True)

    def close(self) -> None:
        if self._file:
            self._file.close()
