"""Running the stage data_load in the folder that a test is in, and folders of photos for it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

from agent.errors import ConfigError
from tests.conftest import ROOT
from trainer import data_load
from trainer.data_load import UNFINISHED


def set_source(url: object) -> None:
    yaml = YAML(typ="safe")
    params = yaml.load((ROOT / "params.yaml").read_text())
    params["data"]["url"] = str(url)
    with Path("params.yaml").open("w") as sink:
        yaml.dump(params, sink)


def load(url: object) -> dict:
    """What the stage records."""
    set_source(url)
    data_load.main()
    assert not UNFINISHED.exists()
    record: dict = json.loads(Path("data/source.json").read_text())
    return record


def refused(url: object, reason: str, *kept: str) -> None:
    """One line, and nothing is left but what is `kept` of a download."""
    set_source(url)
    with pytest.raises(ConfigError, match=reason) as error:
        data_load.main()
    assert "\n" not in str(error.value)
    left = {path.name for path in Path("data").glob("*") if path.name != "labelled"}
    assert left | {path.name for path in UNFINISHED.glob("*")} <= {UNFINISHED.name, *kept}


def picture(path: Path, spot: int = 255, channels: int = 1, size: tuple[int, int] = (20, 30)) -> Path:
    """Black, with a spot of 20 px."""
    image = np.zeros((*size, channels), np.uint8)
    image[5:9, 5:10] = spot
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


def plain_folder(folder: Path) -> Path:
    """Of any product: every kind of file, grey and colour, good parts with and without a mask."""
    for number, suffix in enumerate(("jpg", "JPEG", "png", "bmp", "tif", "tiff")):
        picture(folder / f"images/crack/c{number}.{suffix}", channels=1 if number % 2 else 3)
        picture(folder / f"masks/crack/c{number}.png")
    picture(folder / "images/good/g0.png")
    picture(folder / "images/good/g1.png")
    picture(folder / "masks/good/g1.png", spot=0)
    picture(folder / "images/free/g2.jpg")
    return folder
