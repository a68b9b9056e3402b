"""The simulated belt: parts at a constant pitch, what the lens sees of them, and the log of what truly happened.

Escapes and overkill are judged here, by the part that lies before the arm when it acts, never by numbers
that the agent or the PLC program claim.

The truth log has one JSON line for every action of the arm, and for every part that passed it or never came:

    at_s          when the arm acted, seconds of this computer's monotonic clock
    passed_eye_ms when the PLC's part passed the photo-eye, ms of the same clock
    seq, part_id  the part for which the PLC acted; null: it knew of none, the arm was at rest
    true_part_id  the part that lay before the arm (1, 2, … as they are laid on the belt); null: nothing lay there
    kind          'free' (good) or its defect; null with true_part_id
    challenge     true: the part is a test of the station and must be rejected
    outcome       what the PLC took it for: passed, rejected, no_decision, no_verdict; untracked with seq null
    arm           what the arm did: let_pass or rejected; taken_off: somebody took the part off the belt before it
    lane          where a rejected part went: 'reject', or the class whose coil was energised; null if it passed
    bypass        BYPASS was on: all parts pass by order of the panel, a bad one that does is no fault of the station
    escape        a bad part was let pass, under BYPASS too
    overkill      a good part was rejected
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

from agent.errors import ConfigError
from agent.inspection import Image
from agent.procedural import DEFECT_CLASSES, render_belt, render_tile

SIDE_PX = 256
PITCH_PX = 320
"""Distance of two parts on the belt, in the lens' pixels: wider than the view, so that a gap is seen as one."""
REACH = 0.25
"""The arm gets hold of a part that is no further from it than this share of the pitch."""
DIFFERENT_PARTS = 500
"""A longer belt shows the same images again."""


@dataclass(frozen=True)
class BeltPart:
    """A part and the truth about it."""

    part_id: int
    kind: str
    """'free' or the defect class."""
    image: Image
    challenge: bool = False
    """Laid on the belt to test the station: known to be bad, and announced as such."""

    @property
    def good(self) -> bool:
        return self.kind == "free"


def procedural_parts(count: int, defect_share: float, seed: int) -> list[BeltPart]:
    """`count` rendered tiles, a `defect_share` of them with a defect of a random class."""
    rng = np.random.default_rng(seed)
    different = min(count, DIFFERENT_PARTS)
    kinds = [str(rng.choice(DEFECT_CLASSES)) if rng.random() < defect_share else "free" for _ in range(different)]
    images = [render_tile(rng, kind, SIDE_PX, SIDE_PX)[0] for kind in kinds]
    return [BeltPart(i + 1, kinds[i % different], images[i % different]) for i in range(count)]


def blank_parts(count: int) -> list[BeltPart]:
    """`count` good parts with next to no photo: for tests whose segmenter follows a script.

    A photo's first four pixels are the part's number, big-endian.
    """
    images = np.full((count, 16, 16), 128, np.uint8)
    images[:, 0, :4] = np.arange(1, count + 1, dtype=">u4").view(np.uint8).reshape(count, 4)
    return [BeltPart(place + 1, "free", image) for place, image in enumerate(images)]


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
    different = min(count, DIFFERENT_PARTS)
    pools = [bad if rng.random() < defect_share else good for _ in range(different)]
    drawn = [pool[int(rng.integers(len(pool)))] for pool in pools]
    images = [_read(path) for _, path in drawn]
    return [BeltPart(i + 1, drawn[i % different][0], images[i % different]) for i in range(count)]


def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ConfigError(f"images: {path} cannot be read as an image: remove or replace it")
    return np.asarray(image, np.uint8)


def with_drilled_hole(part: BeltPart) -> BeltPart:
    """The part as a test piece: a hole that no station may overlook."""
    height, width = part.image.shape[:2]
    hole = np.zeros((height, width), np.float32)
    cv2.ellipse(hole, (width // 2, height // 2), (max(3, width // 36), max(4, height // 24)), 20, 0, 360, 1, -1)
    image = (part.image * (1 - 0.85 * cv2.GaussianBlur(hole, (0, 0), 0.8))).astype(np.uint8)
    return replace(part, kind="blowhole", image=image, challenge=True)


class Belt:
    """Part i is exactly under the lens, at the photo-eye, when the belt has travelled (i + 1) pitches; `arm_mm`
    further on it lies before the arm. `endless`: after the last part the first comes again. `test_every`: each
    part whose number this divides is a test piece; 0 = none.
    """

    def __init__(
        self, parts: list[BeltPart], pitch_mm: float, arm_mm: float, endless: bool = False, test_every: int = 0
    ) -> None:
        self.pitch_mm, self.arm_mm = pitch_mm, arm_mm
        self._parts, self._endless, self._test_every = parts, endless, test_every
        self._test_pieces: set[int] = set()
        self._drilled: dict[int, BeltPart] = {}
        self._taken_off: set[int] = set()
        self._empty = render_belt(np.random.default_rng(0), SIDE_PX, SIDE_PX)

    @property
    def count(self) -> int | None:
        """Parts in all; None: endless."""
        return None if self._endless else len(self._parts)

    def part(self, index: int) -> BeltPart | None:
        """What was laid there; None where the belt is empty, and where somebody has taken the part off."""
        if index < 0 or index in self._taken_off or (not self._endless and index >= len(self._parts)):
            return None
        place = index % len(self._parts)
        is_test = index in self._test_pieces or (self._test_every > 0 and (index + 1) % self._test_every == 0)
        if is_test and place not in self._drilled:
            self._drilled[place] = with_drilled_hole(self._parts[place])
        return replace(self._drilled[place] if is_test else self._parts[place], part_id=index + 1)

    def eye_mm(self, index: int) -> float:
        """The belt's travel when part `index` is at the photo-eye."""
        return (index + 1) * self.pitch_mm

    def nearest(self, travel_mm: float) -> int:
        """Index of the part that is, or would be, nearest to the photo-eye."""
        return round(travel_mm / self.pitch_mm) - 1

    def before_arm(self, travel_mm: float) -> int | None:
        """Index of the part that lies, or would lie, before the arm; None: it stands before a gap."""
        index = self.nearest(travel_mm - self.arm_mm)
        off_centre_mm = abs(travel_mm - self.arm_mm - self.eye_mm(index))
        return index if off_centre_mm <= self.pitch_mm * REACH else None

    def under_lens(self, travel_mm: float) -> Image:
        """The photo: the nearest part, shifted by how far it is from the centre; else bare belt."""
        index = self.nearest(travel_mm)
        part = self.part(index)
        shift_px = round((travel_mm - self.eye_mm(index)) / self.pitch_mm * PITCH_PX)
        if part is None or abs(shift_px) >= part.image.shape[0]:
            return self._empty
        return part.image if shift_px == 0 else self._shifted(part.image, shift_px)

    def lay_test_piece(self, index: int) -> int | None:
        """Put a test piece in the place of the first ordinary part from `index` on; its part_id, None: none comes."""
        while (part := self.part(index)) is not None and part.challenge:
            index += 1
        if part is None:
            return None
        self._test_pieces.add(index)
        return part.part_id

    def take_off(self, index: int) -> None:
        """Somebody takes the part off the belt."""
        self._taken_off.add(index)

    def _shifted(self, image: Image, shift_px: int) -> Image:
        height, width = image.shape[:2]
        canvas = np.array(cv2.resize(self._empty, (width, height)), np.uint8)
        if shift_px > 0:
            canvas[shift_px:] = image[: height - shift_px]
        else:
            canvas[:shift_px] = image[-shift_px:]
        return canvas


@dataclass(frozen=True)
class Act:
    """One action of the arm: for which part the PLC took it, and what it did to whatever lay there."""

    at_s: float
    let_pass: bool
    lane: str | None = None
    seq: int | None = None
    part_id: int | None = None
    outcome: str = "untracked"
    passed_eye_ms: int | None = None
    bypass: bool = False


class TruthLog:
    """Written at the moment the arm acts; see the top of this file."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("w", encoding="utf-8") if path else None

    def write(self, part: BeltPart | None, act: Act) -> None:
        """`part` is what truly lay before the arm."""
        arm = "let_pass" if act.let_pass else "rejected"
        self._print(part, act, arm, bool(part and act.let_pass and not part.good),
                    bool(part and not act.let_pass and part.good))  # fmt: skip

    def taken_off(self, part: BeltPart, at_s: float) -> None:
        """The part will never come to the arm."""
        self._print(part, Act(at_s, let_pass=False), "taken_off", False, False)

    def _print(self, part: BeltPart | None, act: Act, arm: str, escape: bool, overkill: bool) -> None:
        if self._file is None:
            return
        record = {
            "at_s": round(act.at_s, 4),
            "passed_eye_ms": act.passed_eye_ms,
            "seq": act.seq,
            "part_id": act.part_id,
            "true_part_id": part.part_id if part else None,
            "kind": part.kind if part else None,
            "challenge": bool(part and part.challenge),
            "outcome": act.outcome,
            "arm": arm,
            "lane": act.lane,
            "bypass": act.bypass,
            "escape": escape,
            "overkill": overkill,
        }
        print(json.dumps(record), file=self._file, flush=True)

    def close(self) -> None:
        if self._file:
            self._file.close()
