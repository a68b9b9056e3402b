"""A report as one HTML file that needs nothing else: no network, no font, no script; to be read, mailed and printed."""

from __future__ import annotations

from pathlib import Path

import jinja2

from agent.inspection import STAGES
from agent.new_file import new_file
from agent.report import wording
from agent.report.charts import heat_chart, pareto_chart, trend_chart
from agent.report.figures import Report
from agent.report.thumbnails import thumbnail

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#b8a800", "#7a6fd0")
"""Told apart by the colour-blind, too (Okabe and Ito)."""
HEAT = "#c2410c"


def write_html(report: Report, path: Path) -> None:
    """A new file, whole or not at all. Raises UsageError for a place where none can be, Fault when the disk fails."""
    with new_file("--html", path) as unfinished:
        unfinished.write_text(to_html(report), encoding="utf-8")


def to_html(report: Report) -> str:
    """The page."""
    folder = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=folder, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    names = [figures.name for figures in report.classes]
    colours = {name: PALETTE[rank % len(PALETTE)] for rank, name in enumerate(names)}
    heat = report.heat_map
    heat_charts = {} if heat is None else {"all": heat_chart(heat, heat.all, "all", HEAT)} | {
        name: heat_chart(heat, heat.by_class[name], name, colours[name]) for name in names
    }  # fmt: skip
    return environment.get_template("report.html.j2").render(
        report=report,
        words=wording,
        percent=lambda rate: wording.percent(rate).replace(" ", "\u00a0"),
        stages=STAGES,
        colours=colours,
        trend=trend_chart(report.trend) if wording.has_trend(report) else None,
        pareto=pareto_chart(report.classes, colours) if names else None,
        heat_charts=heat_charts,
        thumbnails=[(picture, thumbnail(picture, colours)) for picture in report.pictures],
    )
