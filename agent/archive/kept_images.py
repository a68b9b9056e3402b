"""What the archive holds, for whoever reads it: a station need not run, and may."""

from __future__ import annotations

import logging
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.archive.layout import MASK, PHOTO, SIDECAR, Name, Why, days, files
from agent.config import Config
from agent.errors import ConfigError
from agent.messages import ResultMessage

log = logging.getLogger(__name__)


def archive_folder(config: Config) -> Path:
    """Where this station's images are; ConfigError when it keeps none."""
    if config.archive is None:
        raise ConfigError("no table [archive] in the station's file: it keeps no images; add the table to keep some")
    return config.archive.folder or config.station.state_dir / "archive"


class PictureFile(BaseModel):
    """One picture beside the sidecar, as it was written."""

    model_config = ConfigDict(extra="ignore")

    file: str
    nbytes: int
    sha256: str
    """Of the file."""


class Sidecar(BaseModel):
    """What is known of one image; readers ignore fields they do not know."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    schema_: str = Field(default="linegate.image/1.0", alias="schema", pattern=r"^linegate\.image/1\.\d+$")
    why: Why
    """The one reason it is kept for …"""
    uncertain: bool
    """… and whether a score lay near to its threshold, whatever the verdict."""
    photo: PictureFile
    mask: PictureFile | None
    """None: nothing was judged."""
    classes: list[str]
    """Class names by the index in the mask; 0 = background."""
    message: ResultMessage
    """The completed row, as subscribers have it."""


@dataclass(frozen=True)
class KeptImage:
    """One whole triple: both pictures are there, in the size that the sidecar gives."""

    photo: Path
    """PNG, 8 bit grey or BGR(A), as the station saw the part."""
    mask: Path | None
    """PNG, 8 bit: class index in the photo's pixels, 0 = none."""
    sidecar: Sidecar


def kept_images(
    folder: Path,
    from_utc: datetime | None = None,
    to_utc: datetime | None = None,
    *,
    station: tuple[str, str] | None = None,
    whys: Collection[Why] = tuple(Why),
) -> Iterator[KeptImage]:
    """Images of parts decided from `from_utc` and before `to_utc`, oldest first; both with their zone.

    `station`: (line, station), where several share the folder. What is torn, unknown or deleted meanwhile is passed
    over. No folder is no images.
    """
    for name in kept_names(folder, from_utc, to_utc):
        wanted = name.why in whys and (station is None or station == (name.line, name.station))
        image = read_image(folder, name) if wanted else None
        if image is not None:
            yield image


def kept_names(folder: Path, from_utc: datetime | None = None, to_utc: datetime | None = None) -> Iterator[Name]:
    """Of all sidecars, oldest first; nothing is opened."""
    first = f"{from_utc.astimezone(UTC):%Y-%m-%d}" if from_utc else ""
    last = f"{to_utc.astimezone(UTC):%Y-%m-%d}" if to_utc else "9999-12-31"
    for day in days(folder):
        if first <= day <= last:
            stems = (entry.name.removesuffix(SIDECAR) for entry in files(folder / day) if entry.name.endswith(SIDECAR))
            for name in sorted(name for stem in stems if (name := Name.parse(day, stem)) is not None):
                if (from_utc is None or name.decided >= from_utc) and (to_utc is None or name.decided < to_utc):
                    yield name


def read_image(folder: Path, name: Name) -> KeptImage | None:
    """None: it is torn, not understood, or deleted meanwhile."""
    day = folder / name.day
    path = day / (name.stem + SIDECAR)
    try:
        sidecar = Sidecar.model_validate_json(path.read_bytes())
        photo, mask = day / (name.stem + PHOTO), day / (name.stem + MASK) if sidecar.mask else None
        whole = _is(photo, sidecar.photo) and (mask is None or _is(mask, sidecar.mask))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        log.warning("%s is not understood (%s): passed over", path, error.errors()[0]["msg"])
        return None
    return KeptImage(photo, mask, sidecar) if whole else None


def _is(path: Path, said: PictureFile | None) -> bool:
    found = path.lstat()
    return said is not None and stat.S_ISREG(found.st_mode) and found.st_size == said.nbytes
