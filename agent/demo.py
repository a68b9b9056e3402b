"""`linegate demo`: the simulated line and a real station, watched live, summed up at the end."""

from __future__ import annotations

import time
from contextlib import ExitStack

from rich.console import Console
from rich.live import Live

from agent.demo_view import Ledger, live_view, summary
from agent.local_line import LineOptions, LocalLine

LAST_RESULTS_S = 15


def run_demo(options: LineOptions) -> int:
    """Run the line until its belt is empty; 0 when every part got exactly one verdict and all ledgers agree.

    Raises ConfigError or Fault when the simulator or the station does not come up.
    """
    console = Console(highlight=False)
    console.print(
        f"Linegate demo: {options.parts} parts at {options.rate_per_s:g}/s, simulated PLC, belt, camera and arm"
    )
    with ExitStack() as running:
        with console.status("starting PLC simulator and station …"):
            line = running.enter_context(LocalLine(options))
        _watch_belt(line, console)
        line.stop("station")
        ledger = Ledger(options.parts, line.truth(), line.messages, line.journal_counts(), line.ready_s)
    console.print(summary(ledger))
    return 0 if ledger.consistent else 1


def _watch_belt(line: LocalLine, console: Console) -> None:
    """Show what happens until the arm has acted on every part and the subscriber has heard of it."""
    end_s = time.monotonic() + line.options.seconds + LAST_RESULTS_S
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while time.monotonic() < end_s and not line.finished:
            line.check_alive()
            live.update(live_view(line.options.parts, line.truth(), line.messages))
            time.sleep(0.12)
