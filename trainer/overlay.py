"""A sheet of the tiles that went worst: photo, truth in green, prediction in red."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from agent.inspection import Image

GREEN, RED, WHITE = (60, 220, 60), (60, 60, 255), (255, 255, 255)
COLUMNS = 6
CAPTION_PX = 18


@dataclass(frozen=True)
class Case:
    """One tile in model pixels; `caption` says what went wrong."""

    image: Image
    truth: Image
    predicted: Image
    caption: str


def sheet(cases: list[Case]) -> Image:
    """All cases in rows of COLUMNS, BGR."""
    cells = [_cell(case) for case in cases]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % COLUMNS)
    rows = [np.hstack(cells[start : start + COLUMNS]) for start in range(0, len(cells), COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)


def _cell(case: Case) -> Image:
    photo = cv2.normalize(case.image, np.zeros_like(case.image), 0, 255, cv2.NORM_MINMAX)
    colour = cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR) if photo.ndim == 2 or photo.shape[2] == 1 else photo.copy()
    for mask, line in ((case.truth, GREEN), (case.predicted, RED)):
        contours, _ = cv2.findContours((mask > 0).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(colour, contours, -1, line, 1)
    cell = cv2.copyMakeBorder(colour, 0, CAPTION_PX, 0, 2, cv2.BORDER_CONSTANT)
    cv2.putText(cell, case.caption, (2, cell.shape[0] - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.38, WHITE, 1, cv2.LINE_AA)
    return np.asarray(cell, np.uint8)
