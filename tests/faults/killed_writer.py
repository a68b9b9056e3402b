"""`python -m tests.faults.killed_writer FOLDER`: two megabytes after the other into an archive, for ever."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import numpy as np

from agent.archive.encoded import Encoded, encode
from agent.archive.layout import Why
from agent.archive.store import Store
from agent.results_config import ArchiveConfig
from agent.utc import utc_of
from tests.results.pictured import CLASSES, message, pictured

NOISE = np.random.default_rng(1).integers(0, 255, (1200, 1600), np.uint8)


def opened(folder: Path) -> Store:
    """With all that lies there counted, and leftovers cleared away."""
    store = Store(folder, "line1", "cam1", ArchiveConfig(folder=folder, max_gb=0.1, min_free_gb=0))
    list(store.scan())
    return store


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    store = opened(folder)
    seen = pictured(1, image=NOISE).evidence
    assert seen is not None
    image = encode(message(), replace(seen, mask=lambda: NOISE), Why.REJECT, False, CLASSES)
    endings = [file.removeprefix(image.name.stem) for file, _ in image.files]
    for number in count(1):
        name = replace(image.name, decided=datetime.fromisoformat(utc_of(time.time_ns())), message_id=number)
        store.add(
            Encoded(name, tuple((name.stem + end, data) for end, (_, data) in zip(endings, image.files, strict=True)))
        )
        print(number, flush=True)
