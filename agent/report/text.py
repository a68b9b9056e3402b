"""A report for the terminal, from 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.inspection import STAGES
from agent.report.figures import Counts, HeatMap, PeriodFigures, Report
from agent.report.wording import clock, has_trend, outage_line, percent, period_title, remarks, step

SHADES = " ·░▒▓█"
BARS = "▁▂▃▄▅▆▇█"
MOST_EVENTS = 15


def print_report(report: Report) -> None:
    """The whole of it on standard output."""
    console = Console(highlight=False)
    for block in _blocks(report):
        console.print(block)
        console.print()


def _blocks(report: Report) -> Iterator[RenderableType]:
    yield _head(report)
    yield _parts(report)
    if has_trend(report):
        yield _trend(report)
    if report.classes:
        yield _classes(report)
    if report.heat_map:
        yield _heat_map(report.heat_map)
    if report.reasons:
        yield _reasons(report)
    if report.latencies.stages:
        yield _latencies(report)
    if report.plc:
        yield _plc(report)
    if report.outages or report.happenings:
        yield _happenings(report)
    if report.used:
        yield _used(report)


def _head(report: Report) -> RenderableType:
    title = Text(f"{report.line}/{report.station}  {period_title(report.period)}", style="bold")
    return Group(title, *(Text(remark, style="yellow") for remark in remarks(report)))


def _table(title: str, *columns: str) -> Table:
    """The first column is words, the others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _parts(report: Report) -> RenderableType:
    parts, before = report.parts, report.parts_before
    table = _table("Parts", "", "parts", "pass", "reject", "no decision", "yield")

    def add(name: str, counts: Counts, yield_rate: float | None = None) -> None:
        figures = (counts.parts, counts.passed, counts.rejected, counts.no_decision)
        table.add_row(name, *(f"{figure:,}" for figure in figures), percent(yield_rate))

    add("in yield", parts.counted, parts.yield_rate)
    for name, counts in (("bypass", parts.bypassed), ("challenge", parts.challenges)):
        if counts.parts:
            add(f"{name}, out of yield", counts)
    if parts.counted != parts.all:
        add("all", parts.all)
    add(_before_name(report.before), before.counted, before.yield_rate)
    return table


def _before_name(before: PeriodFigures) -> str:
    return f"before: {before.shift} {before.day:%d %b}" if before.shift and before.day else "as long before"


def _trend(report: Report) -> RenderableType:
    buckets = [bucket for bucket in report.trend if bucket.counts.parts]
    lines = [Text(f"Trend, a column each {step(report.trend)}", style="bold")]
    for name, rates in (
        ("yield", [bucket.yield_rate for bucket in report.trend]),
        ("rejects", [bucket.reject_rate for bucket in report.trend]),
    ):
        known = [rate for rate in rates if rate is not None]
        lines.append(Text(f"  {name:8}{_bars(rates)}  {percent(min(known))} to {percent(max(known))}"))
    marks = "".join("!" if bucket.beyond_limits else " " for bucket in report.trend)
    if any(bucket.beyond_limits for bucket in buckets):
        lines.append(Text(f"  {'':8}{marks}  ! = reject rate beyond its control limits", style="yellow"))
    return Group(*lines)


def _bars(rates: list[float | None]) -> str:
    """A bar each, from the lowest to the highest; nothing where there were no parts."""
    known = [rate for rate in rates if rate is not None]
    low, span = min(known), max(known) - min(known)
    top = len(BARS) - 1
    return "".join(
        " " if rate is None else BARS[round((rate - low) / span * top) if span else top // 2] for rate in rates
    )


def _classes(report: Report) -> RenderableType:
    table = _table("Defects of the rejects, by class", "class", "rejects", "share", "cumulative", "defects",
                   "median mm²", "worst mm²")  # fmt: skip
    for figures in report.classes:
        table.add_row(
            figures.name,
            f"{figures.parts:,}",
            percent(figures.share),
            percent(figures.cumulative),
            f"{figures.defects:,}",
            f"{figures.median_area_mm2:.2f}",
            f"{figures.worst_area_mm2:.2f}",
        )
    return table


def _heat_map(heat: HeatMap) -> RenderableType:
    """Two characters a cell, so that it is about square."""
    cells = heat.all
    most = max(max(row) for row in cells)
    title = (
        f"Where they lie: x {heat.x_mm:g} to {heat.x_mm + heat.columns * heat.cell_mm:g} mm to the right, "
        f"y {heat.y_mm:g} to {heat.y_mm + heat.rows * heat.cell_mm:g} mm downward"
    )
    lines = ["".join(SHADES[-(-count * (len(SHADES) - 1) // most)] * 2 for count in row) for row in cells]
    edge = "─" * heat.columns * 2
    box = [f"┌{edge}┐", *(f"│{line}│" for line in lines), f"└{edge}┘"]
    return Group(
        Text(title, style="bold"), Text("\n".join(box)), Text(f"█ = {most} in {heat.cell_mm:g} × {heat.cell_mm:g} mm")
    )


def _reasons(report: Report) -> RenderableType:
    table = _table("Why parts did not pass", "reason", "verdict", "parts", "share of verdict")
    for figures in report.reasons:
        table.add_row(figures.reason, figures.verdict, f"{figures.parts:,}", percent(figures.share))
    return table


def _latencies(report: Report) -> RenderableType:
    latencies = report.latencies
    table = _table(f"Latency, ms, of {latencies.parts_looked_at:,} parts", "stage", "median", "p99", "max", "n")
    for stage in latencies.stages:
        table.add_row(
            STAGES[stage.stage],
            *(f"{figure:.2f}" for figure in (stage.median_ms, stage.p99_ms, stage.max_ms)),
            f"{stage.n:,}",
        )
    late = (
        f"acknowledged after the deadline: {latencies.acknowledged_late:,}; "
        f"verdicts that came too late: {latencies.decided_late:,} (each is a no-decision)"
    )
    return Group(table, Text(late))


def _plc(report: Report) -> RenderableType:
    table = _table("What the PLC did", "verdict", "action", "parts")
    for figures in report.plc:
        table.add_row(figures.verdict, figures.action, f"{figures.parts:,}")
    unproven = report.passed_unproven
    style = "bold red" if unproven else "green"
    return Group(table, Text(f"passed without a PASS: {unproven:,}", style=style))


def _happenings(report: Report) -> RenderableType:
    shown = report.happenings[-MOST_EVENTS:]
    of = f", the newest {len(shown)} of {report.happenings_in_all:,}: --json or --html has more"
    title = "Outages, alarms, commands" + (of if len(shown) < report.happenings_in_all else "")
    lines = [Text(title, style="bold")]
    lines += [Text(f"  {outage_line(outage)}", style="yellow") for outage in report.outages]
    for event in shown:
        words = (clock(event.time), event.kind, event.what, f"by {event.who}" if event.who else "", event.detail)
        lines.append(Text("  " + "  ".join(word for word in words if word)))
    return Group(*lines)


def _used(report: Report) -> RenderableType:
    table = _table("In use", "recipe", "job", "recipe sha256", "model sha256", "parts")
    for used in report.used:
        table.add_row(used.recipe, str(used.job), used.recipe_sha256[:12], used.model_sha256[:12], f"{used.parts:,}")
    return table
