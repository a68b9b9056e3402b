"""How `linegate camera live` shows its figures: a table that grows, or a JSON object a line."""

from __future__ import annotations

import json
from collections import deque
from types import TracebackType
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

Figures = dict[str, Any]
ROWS = 12
COLUMNS = ("s", "frames\nper s", "every\nms", "p99\nms", "miss-\ning", "incom-\nplete", "mean\ngrey", "% at\n255",
           "sharp-\nness", "handed\nover ms", "max\nms")  # fmt: skip


class Screen:
    """Used as a context while seconds come; the summary comes after it."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False)
        self._rows: deque[tuple[int, Figures]] = deque(maxlen=ROWS)
        self._live = Live(console=self._console, auto_refresh=False)

    def __enter__(self) -> Screen:
        if not self._as_json:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()  # before a camera's error is told

    def second(self, number: int, figures: Figures) -> None:
        """One more second is over."""
        if self._as_json:
            print(json.dumps({"second": number} | figures), flush=True)
            return
        self._rows.append((number, figures))
        self._live.update(_seconds(self._rows), refresh=True)

    def summary(self, figures: Figures) -> None:
        """All of it; in JSON the last line, with "summary": true."""
        if self._as_json:
            print(json.dumps({"summary": True} | figures), flush=True)
        else:
            self._console.print("\n", _summary(figures))


def _seconds(rows: deque[tuple[int, Figures]]) -> Table:
    table = Table(box=SIMPLE_HEAD, collapse_padding=True)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for number, figures in rows:
        table.add_row(
            str(number),
            _number(figures["rate_per_s"], 1),
            _of(figures["interval_ms"], "median", 1),
            _of(figures["interval_ms"], "p99", 1),
            str(figures["missing"]),
            str(figures["incomplete"]),
            _of(figures["mean_grey"], "median", 1),
            _of(figures["saturated"], "median", 2, scale=100),
            _of(figures["sharpness"], "median", 1),
            _of(figures["driver_to_station_ms"], "median", 2),
            _of(figures["driver_to_station_ms"], "max", 2),
        )
    return table


def _summary(figures: Figures) -> Table:
    table = Table(
        title=f"{figures['frames']} frames, {_number(figures['rate_per_s'], 2)}/s; {figures['missing']} missing, "
        f"{figures['out_of_order']} out of order, {figures['incomplete']} incomplete",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for column in ("", "min", "median", "p99", "max"):
        table.add_column(column, justify="right" if column else "left")
    for label, key, digits in (
        ("from frame to frame, ms", "interval_ms", 2),
        ("frame in driver → in hand, ms", "driver_to_station_ms", 3),
        ("exposure → in hand, ms", "exposure_to_station_ms", 2),
        ("mean grey", "mean_grey", 1),
        ("share of saturated pixels", "saturated", 4),
        ("sharpness", "sharpness", 1),
    ):
        if figures[key]:
            table.add_row(label, *(_of(figures[key], name, digits) for name in ("min", "median", "p99", "max")))
    return table


def _of(distribution: dict[str, float] | None, name: str, digits: int, scale: float = 1.0) -> str:
    return _number(distribution[name] * scale if distribution else None, digits)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
