"""What the rejects had: Pareto by class, and where on the part the defects lie."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from math import floor, log10

import numpy as np
from pydantic_core import from_json

from agent.in_yield import COUNTS
from agent.report.figures import ClassFigures, HeatMap
from agent.report.tallies import DURING
from agent.utc import utc_span

CELLS = 24
"""Along the longer side."""
NICE = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


class Defects:
    """The counting defects of all rejects in yield, of some time."""

    def __init__(self) -> None:
        self.rejects = 0
        self.sets: Counter[frozenset[str]] = Counter()
        """How many rejects have just these classes."""
        self.areas_mm2: dict[str, list[tuple[float, int]]] = defaultdict(list)
        """By class: each defect's, and the message_id of its part."""
        self.points_mm: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def read(self, journal: sqlite3.Connection, begins: datetime, ends: datetime) -> None:
        """Add those of one stretch."""
        rows = journal.execute(
            f"SELECT message_id, evidence FROM inspections WHERE {DURING} AND verdict = 'reject' AND {COUNTS}",
            utc_span(begins, ends),
        )
        for message_id, evidence in rows:
            counting = [defect for defect in from_json(evidence).get("defects", ()) if defect["counts"]]
            for defect in counting:
                name = defect["name"]
                self.areas_mm2[name].append((defect["area_mm2"], message_id))
                self.points_mm[name].append((defect["x_mm"], defect["y_mm"]))
            self.sets[frozenset(defect["name"] for defect in counting)] += 1
            self.rejects += 1

    def pareto(self) -> list[ClassFigures]:
        """The class that most rejects have comes first."""
        parts = {name: self._with_any_of({name}) for name in self.areas_mm2}
        ranking = sorted(parts, key=lambda name: (-parts[name], name))
        classes = []
        for rank, name in enumerate(ranking, start=1):
            areas_mm2 = np.array([area_mm2 for area_mm2, _ in self.areas_mm2[name]])
            classes.append(
                ClassFigures(
                    name=name,
                    parts=parts[name],
                    share=parts[name] / self.rejects,
                    cumulative=self._with_any_of(set(ranking[:rank])) / self.rejects,
                    defects=areas_mm2.size,
                    median_area_mm2=round(float(np.median(areas_mm2)), 3),
                    worst_area_mm2=round(float(areas_mm2.max()), 3),
                )
            )
        return classes

    def _with_any_of(self, classes: set[str]) -> int:
        return sum(rejects for names, rejects in self.sets.items() if not names.isdisjoint(classes))

    def heat_map(self, ranking: Iterable[str]) -> HeatMap | None:
        """Square cells of a round size over all that was found; classes in the order of `ranking`."""
        points_mm = {name: np.array(self.points_mm[name]) for name in ranking}
        if not points_mm:
            return None
        everything = np.concatenate(list(points_mm.values()))
        upper_left, lower_right = everything.min(axis=0), everything.max(axis=0)
        cell_mm = _round_up(float((lower_right - upper_left).max()) / (CELLS - 1) or 1.0)
        corner = np.floor(upper_left / cell_mm)
        columns, rows = (np.floor(lower_right / cell_mm) - corner).astype(int) + 1
        by_class = {}
        for name, points in points_mm.items():
            column, row = (np.floor(points / cell_mm) - corner).astype(int).T
            cells = np.bincount(row * columns + column, minlength=rows * columns)
            by_class[name] = cells.reshape(rows, columns).tolist()
        x_mm, y_mm = (round(float(edge), 6) for edge in corner * cell_mm)
        return HeatMap(x_mm=x_mm, y_mm=y_mm, cell_mm=cell_mm, columns=columns, rows=rows, by_class=by_class)


def _round_up(cell_mm: float) -> float:
    """The next of 1, 1.5, 2 … × a power of ten."""
    power = floor(log10(cell_mm))
    nice = next(nice for nice in NICE if nice * 10.0**power >= cell_mm * 0.999999)
    return round(nice * 10.0**power, 6 - min(power, 0))
