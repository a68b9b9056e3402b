"""Print a station's results live, one line each, and between them how the station stands whenever that changes."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from agent.results.messages import ResultMessage, StatusMessage
from agent.results.subscriber import follow, subscribe

STYLES = {"pass": "green", "reject": "red", "no_decision": "yellow"}
PATIENCE_S = 3.0
"""A pulse comes once a second."""
SILENT = "no pulse for {:g} s: station down, or still waiting for camera or PLC: systemctl status 'linegate@*'"
EACH_PARTS_OWN = {"ACQUIRING", "BUSY", "RESULT_PENDING"}
"""Bits of STATUS that come and go with every part."""
GOOD = {"ONLINE", "READY", "STANDALONE", "SIMULATED"}
"""What may stand in STATUS while all is well."""


def print_results(results: str, replay: str, since: int | None, as_json: bool) -> None:
    """Follow the station until interrupted; `as_json`: one JSON object a line, results alone, for other programs."""
    if as_json:
        for message in subscribe(results, replay, since):
            print(message.model_dump_json(by_alias=True), flush=True)
    console = Console(highlight=False)
    console.print(f"watching {results} (replay from {replay}); Ctrl-C ends", style="dim")
    for line in lines(results, replay, since):
        console.print(line, soft_wrap=True)


def lines(results: str, replay: str, since: int | None, patience_s: float = PATIENCE_S) -> Iterator[Text]:
    """For a person: each result, the station's state when it changes, and when its pulse ceases or has yet to come."""
    told: object = ()
    for heard in follow(results, replay, since, patience_s):
        if isinstance(heard, ResultMessage):
            yield result_line(heard)
            continue
        state = _state(heard) if heard else None
        if state != told:
            told = state
            yield status_line(heard) if heard else Text(SILENT.format(patience_s), "bold red")


def _state(status: StatusMessage) -> tuple[object, ...]:
    """What an operator is to be told of when it changes."""
    return _standing(status), status.alarms, set(status.no_decisions), status.unsolicited_frames


def _standing(status: StatusMessage) -> list[str]:
    return [bit for bit in status.plc_status if bit not in EACH_PARTS_OWN]


def status_line(status: StatusMessage) -> Text:
    """How the station stands, for a person."""
    standing = _standing(status)
    well = "READY" in standing and GOOD.issuperset(standing)
    missed = ", ".join(f"{reason} {count}" for reason, count in status.no_decisions.items())
    return Text.assemble(
        ("station ", "dim"),
        (" ".join(standing) or "OFFLINE", "green" if well else "bold red"),
        (f"  alarms: {', '.join(status.alarms)}", "bold red") if status.alarms else "",
        (f"  no decision so far: {missed}", "yellow") if missed else "",
        (f"  frames of no part: {status.unsolicited_frames}", "yellow") if status.unsolicited_frames else "",
    )


def result_line(message: ResultMessage) -> Text:
    """One result for a person."""
    counting = [defect for defect in message.defects if defect.counts]
    found = ", ".join(f"{d.name} {d.area_mm2:.2f} mm² at {d.x_mm:.1f}/{d.y_mm:.1f}" for d in counting[:3])
    total = message.latencies_ms.get("total")
    return Text.assemble(
        (f"{message.message_id:>7} ", "dim"),
        f"{message.decided_utc[11:23]}  part {message.part_id:<7} ",
        (f"{message.verdict:<12}", STYLES[message.verdict]),
        f"PLC {message.plc_action:<22}",
        (f"{total:6.1f} ms  " if total is not None else "     –     ", "dim"),
        ("BYPASS ", "bold red") if message.bypass else "",
        ("FAIL OPEN ", "bold red") if message.fail_open else "",
        ("challenge ", "cyan") if message.challenge else "",
        found or (message.detail or message.reason if not message.valid else ""),
    )
