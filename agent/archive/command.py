"""`linegate collect`: its arguments and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from agent.errors import exit_on_error

Config = Annotated[Path, typer.Argument(help="The station's TOML file; the station may run.")]
SINCE = "Parts decided in the last 7d, 12h or 30m, or since a date or time by the station's clock; default: all."
IDS = "Only this part; may be given several times."


def collect(
    config: Config,
    out: Annotated[Path, typer.Option(help="A new folder for them, best below data/labelled.")],
    since: Annotated[str | None, typer.Option(help=SINCE)] = None,
    until: Annotated[str | None, typer.Option(help="And before this date or time.")] = None,
    verdict: Annotated[Literal["pass", "reject", "no_decision"] | None, typer.Option()] = None,
    name: Annotated[str | None, typer.Option("--class", help="With a region of this class.")] = None,
    reason: Annotated[
        Literal["reject", "no_decision", "uncertain", "sample"] | None, typer.Option(help="Why it was kept.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="No more than the newest so many.")] = None,
    message_id: Annotated[list[int] | None, typer.Option(help=IDS)] = None,
) -> None:
    """Hand kept images over for labelling.

    Example: linegate collect config/line.toml --since 7d --reason uncertain --out data/labelled/picked
    """
    with exit_on_error():
        from datetime import UTC, datetime

        from agent.archive.collect import Wanted
        from agent.archive.collect import collect as hand_over
        from agent.archive.kept_images import archive_folder
        from agent.archive.layout import Why
        from agent.asked_time import asked_span
        from agent.config import load_config
        from agent.give_way import give_way

        give_way()
        station = load_config(config)
        wanted = Wanted(
            *asked_span(("--since", "--until"), since, until, datetime.now(UTC), station.shifts.zone),
            verdict,
            name,
            Why(reason) if reason else None,
            frozenset(message_id or ()),
            limit,
        )
        who = (station.station.line, station.station.name)
        print(f"{out}: {hand_over(archive_folder(station), who, wanted, out)}")
