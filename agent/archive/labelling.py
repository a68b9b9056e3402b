"""How a kept image enters the trainer's data: `MT_<Class>/Imgs/<name>.jpg`, and the mask beside it as `.png`. Pure.

One class a photo is all that layout can say. A photo with several goes to the class of the worst region that counts,
with every region in its mask: a defect under the wrong name does less harm than one taught as good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.archive.kept_images import Sidecar
from agent.inspection import Image, Reason

GOOD = "free"
MARKED = 255


@dataclass(frozen=True)
class Label:
    """What the station took the part for; whoever labels has the last word."""

    name: str
    """A defect class, or GOOD."""
    others: tuple[str, ...]
    """Further classes in the mask."""
    mask: Image
    """uint8, of the photo's size: 255 = defect, else 0; all 0 for GOOD."""

    @property
    def folder(self) -> str:
        return f"MT_{self.name.capitalize()}/Imgs"


def label(sidecar: Sidecar, mask: Image) -> Label | None:
    """`mask`: class index. None: known to be bad, but nothing was found: there is no label to start from."""
    told = sidecar.message
    if told.reason == Reason.CHALLENGE.name.lower():
        return None
    counts = np.bincount(mask.ravel(), minlength=len(sidecar.classes)).tolist()
    pixels = {name: count for name, count in zip(sidecar.classes[1:], counts[1:], strict=False) if count}
    name = _worst(sidecar, pixels)
    if name == GOOD:
        return Label(GOOD, (), np.zeros_like(mask))
    return Label(name, tuple(sorted(set(pixels) - {name})), np.where(mask > 0, MARKED, 0).astype(np.uint8))


def _worst(sidecar: Sidecar, pixels: dict[str, int]) -> str:
    if counting := sidecar.message.counting:
        return max(counting, key=lambda defect: defect.area_mm2).name
    if sidecar.message.verdict == "no_decision":  # its row lists no defects: the mask is all there is
        return max(pixels, key=lambda name: pixels[name], default=GOOD)
    return GOOD


def file_name(sidecar: Sidecar) -> str:
    """Without ending: one of its own over all stations and times, so that picked folders can be put together.

    It begins with the date: the trainer reads `exp<n>_` as an exposure, and takes photos without one for comparable
    with all, when it looks for those of the same part.
    """
    told = sidecar.message
    moment = "".join(letter for letter in told.decided_utc[:19] if letter.isdigit())
    return f"{moment[:8]}_{moment[8:]}_{told.line}_{told.station}_{told.message_id}"
