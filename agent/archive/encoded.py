"""One image as the files that go on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from agent.archive.kept_images import PictureFile, Sidecar
from agent.archive.layout import MASK, PHOTO, SIDECAR, Name, Why
from agent.inspection import Inspection
from agent.messages import ResultMessage
from agent.pictures import png
from agent.utc import moment_of


@dataclass(frozen=True)
class Encoded:
    """The files by name, in the order in which they are to appear: the sidecar last."""

    name: Name
    files: tuple[tuple[str, bytes], ...]


def encode(message: ResultMessage, seen: Inspection, why: Why, uncertain: bool, classes: tuple[str, ...]) -> Encoded:
    """Photo and mask lossless. Raises NoPicture for a picture that is none; `seen` has a frame."""
    assert seen.frame is not None
    name = Name(_to_ms(message.decided_utc), message.message_id, message.line, message.station, why)
    pictures = [(name.stem + PHOTO, png(seen.frame.image))]
    if seen.mask is not None:
        pictures.append((name.stem + MASK, png(seen.mask())))
    described = [_described(*picture) for picture in pictures]
    sidecar = Sidecar(
        why=why,
        uncertain=uncertain,
        photo=described[0],
        mask=described[1] if described[1:] else None,
        classes=list(classes),
        message=message.model_copy(update={"parts": []}),
    )
    text = sidecar.model_dump_json(by_alias=True, indent=1).encode()
    return Encoded(name, (*pictures, (name.stem + SIDECAR, text)))


def _to_ms(utc: str) -> datetime:
    moment = moment_of(utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _described(file: str, data: bytes) -> PictureFile:
    return PictureFile(file=file, nbytes=len(data), sha256=hashlib.sha256(data).hexdigest())
