"""From which score on a pixel counts as defect in the pixel scores: where they are best on validation tiles.

The part's threshold is chosen for its verdict, not for the outline of its defect: it lies higher.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.model_contract import InputSpec
from agent.preprocess import letterbox_mask
from trainer.seen import Seen
from trainer.suspicion import SCORES
from trainer.tiles import GOOD

ONE_HALF = 128


def best_level(tiles: Sequence[Seen], spec: InputSpec) -> int:
    """Of 1..255, that of the highest Dice over the pixels of all tiles at once, defect against the rest.

    Tiles with a defect but an empty mask are left out, as in the scores, and so are those without an answer. One half
    where no defect's pixel has a score.
    """
    of_defect, of_all = np.zeros(SCORES + 1, np.int64), np.zeros(SCORES + 1, np.int64)
    for tile in tiles:
        truth = letterbox_mask(tile.sample.mask, spec) > 0
        if tile.segmentation is None or (tile.sample.label != GOOD and not truth.any()):
            continue
        scores = tile.segmentation.score_map
        of_defect += np.bincount(scores[truth], minlength=SCORES + 1)
        of_all += np.bincount(scores.ravel(), minlength=SCORES + 1)
    overlap, predicted = (np.cumsum(counts[::-1])[::-1] for counts in (of_defect, of_all))
    if not overlap[1]:
        return ONE_HALF
    return 1 + int(np.argmax((2 * overlap / (predicted + overlap[0]))[1:]))
