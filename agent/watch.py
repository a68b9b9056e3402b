"""Print a station's results live, one line each."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from agent.messages import ResultMessage
from agent.subscriber import subscribe

STYLES = {"pass": "green", "reject": "red", "no_decision": "yellow"}


def print_results(results: str, replay: str, since: int | None, as_json: bool) -> None:
    """Follow the station until interrupted; `as_json`: one JSON object a line, for other programs."""
    console = Console(highlight=False)
    if not as_json:
        console.print(f"watching {results} (replay from {replay}); Ctrl-C ends", style="dim")
    for message in subscribe(results, replay, since):
        if as_json:
            print(message.model_dump_json(by_alias=True), flush=True)
        else:
            console.print(result_line(message), soft_wrap=True)


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
