"""The commands that speak to a running station over ZeroMQ: their arguments and their help."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.arguments import person
from agent.default_endpoints import CONTROL, REPLAY, RESULTS
from agent.errors import UsageError, exit_on_error
from agent.inspection import Verdict

if TYPE_CHECKING:
    from agent.messages import ControlReply

Who = Annotated[str, typer.Option(help="Your name: it is written down.", callback=person)]
Control = Annotated[str, typer.Option(help="The station's publisher.control endpoint.")]
StationKey = Annotated[Path | None, typer.Option(help="A station with keys: its public one, NAME.key …")]
Key = Annotated[Path | None, typer.Option(help="… and your own secret one, NAME.key_secret.")]


def watch(
    results: Annotated[str, typer.Option(help="The station's publisher.results endpoint.")] = RESULTS,
    replay: Annotated[str, typer.Option(help="The station's publisher.replay endpoint.")] = REPLAY,
    since: Annotated[int | None, typer.Option(min=0, help="Begin after this message_id; default: from now on.")] = None,
    last: Annotated[int | None, typer.Option(min=1, max=1000, help="Begin with the newest so many.")] = None,
    verdict: Annotated[list[Verdict] | None, typer.Option(help="Show these alone; may be repeated.")] = None,
    defect: Annotated[
        list[str] | None, typer.Option("--class", help="Show parts with such a defect alone; may be repeated.")
    ] = None,
    as_lines: Annotated[bool, typer.Option("--lines", help="A line each instead of the table.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, results alone.")] = False,
    station_key: StationKey = None,
    key: Key = None,
) -> None:
    """Watch a station live: its state, counts and newest parts.  Example: linegate watch --last 20 --verdict reject

    A table at a terminal, lines elsewhere; Ctrl-C ends. It outlives the station's restarts and misses no result.
    """
    with exit_on_error():
        from agent.keys import load_client_keys
        from agent.watch import watch

        if since is not None and last is not None:
            raise UsageError("--since and --last: give one of them")
        keys = load_client_keys(station_key, key)
        watched = watch.WatchOptions(
            results, replay, keys, since, last, frozenset(map(str, verdict or ())), frozenset(defect or ())
        )
        if json:
            watch.watch_json(watched)
        elif as_lines or not sys.stdout.isatty():
            watch.watch_lines(watched)
        else:
            watch.watch_table(watched)


def challenge(who: Who, control: Control = CONTROL, station_key: StationKey = None, key: Key = None) -> None:
    """Tell the station that the next part is a known bad one.  Example: linegate challenge --who 'R. Diaz'"""
    with exit_on_error():
        text = "the next part to be inspected is a challenge: out of yield; judged good, it is rejected and an alarm"
        _give("challenge", who, control, station_key, key, says=lambda _: text)


def trigger(who: Who, control: Control = CONTROL, station_key: StationKey = None, key: Key = None) -> None:
    """Have a station with trigger.mode = "software" inspect a part now.  Example: linegate trigger --who 'R. Diaz'"""
    with exit_on_error():
        text = "accepted: its one result goes to subscribers and journal (linegate watch)"
        _give("trigger", who, control, station_key, key, says=lambda made: f"part {made.part_id} {text}")


def pause(who: Who, control: Control = CONTROL, station_key: StationKey = None, key: Key = None) -> None:
    """Take a station out of service: no part is inspected, none passes.  Example: linegate pause --who 'R. Diaz'"""
    with exit_on_error():
        _give("pause", who, control, station_key, key)


def resume(who: Who, control: Control = CONTROL, station_key: StationKey = None, key: Key = None) -> None:
    """Put a paused station into service again.  Example: linegate resume --who 'R. Diaz'"""
    with exit_on_error():
        _give("resume", who, control, station_key, key)


def job(
    recipe: Annotated[str, typer.Argument(help="Number or name of a recipe of the station.")],
    who: Who,
    control: Control = CONTROL,
    station_key: StationKey = None,
    key: Key = None,
) -> None:
    """Have parts judged by another recipe, where no PLC selects it.  Example: linegate job 3 --who 'R. Diaz'"""
    with exit_on_error():
        _give("job", who, control, station_key, key, recipe)


def snapshot(
    who: Who,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the photo (PNG).")],
    control: Control = CONTROL,
    station_key: StationKey = None,
    key: Key = None,
) -> None:
    """Store the newest photo as the station saw it.  Example: linegate snapshot -o now.png --who 'R. Diaz'"""
    with exit_on_error():
        from agent.keys import load_client_keys
        from agent.subscriber.control_client import take_snapshot

        print(take_snapshot(control, who, output, load_client_keys(station_key, key)))


def clear(who: Who, control: Control = CONTROL, station_key: StationKey = None, key: Key = None) -> None:
    """Clear the alarms of a station without a PLC.  Example: linegate clear --who 'R. Diaz'"""
    with exit_on_error():
        _give("clear", who, control, station_key, key)


def relearn(who: Who, control: Control = CONTROL, station_key: StationKey = None, key: Key = None) -> None:
    """All is as it should be now: the next parts say what is usual.  Example: linegate relearn --who 'R. Diaz'"""
    with exit_on_error():
        _give("relearn", who, control, station_key, key)


def _give(
    command: str, who: str, control: str, station_key: Path | None, key: Path | None, argument: str = "",
    says: Callable[[ControlReply], str] = lambda reply: reply.detail,
) -> None:  # fmt: skip
    """And print whose answer it is, and what it `says`."""
    from agent.keys import load_client_keys
    from agent.subscriber.control_client import give_command, said_by

    reply = give_command(control, command, who, argument, load_client_keys(station_key, key))
    print(said_by(reply, says(reply)))


def keys_new(
    name: Annotated[str, typer.Argument(help="Whose keys: a station or a client.")],
    out: Annotated[Path, typer.Option(help="The folder to write NAME.key and NAME.key_secret into.")] = Path("keys"),
) -> None:
    """Make a pair of keys: NAME.key to give away, NAME.key_secret to keep.  Example: linegate keys new cam1"""
    with exit_on_error():
        from agent.keys import write_new_keys

        public, secret = write_new_keys(name, out)
        print(f"{public}  public: a copy goes to whoever is to know {name}")
        print(f"{secret}  secret: it stays where {name} runs, readable by its user alone")
        print(
            f"A station: in [publisher] station_key = '{secret}' and client_keys = a folder; its clients get {public}"
        )
        print(f"A client:  {public} goes into the station's client_keys, or client_keys/operators to command as well;")
        print(f"           then linegate watch --station-key STATION.key --key {secret}")
