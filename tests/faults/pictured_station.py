"""The scripted station with photos that are large on the wire: noise, which no JPEG makes small.

`python -m tests.faults.pictured_station CONFIG SCRIPT`
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from agent.inspection import Image
from tests.faults import scripted_station

HEIGHT_PX, WIDTH_PX = 400, 512
PHOTO_BYTES = 163_000
"""About, as JPEG."""
NOISE = np.random.default_rng(1).integers(64, 192, (HEIGHT_PX, WIDTH_PX), np.uint8)


def noise_with(part_id: int) -> Image:
    """Noise with the part's number in its first pixels."""
    image = NOISE.copy()
    image[0, :4] = list(part_id.to_bytes(4, "big"))
    return image


if __name__ == "__main__":
    scripted_station.photo_of = noise_with
    scripted_station.main(Path(sys.argv[1]), Path(sys.argv[2]))
