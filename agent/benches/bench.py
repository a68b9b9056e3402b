"""`linegate bench`: the deadline path at real cadence, each part against the bare run of its own model call."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import numpy as np
from rich.console import Console

from agent.benches.machine import machine
from agent.config import load_config
from agent.demo_view import add_percentiles, latency_table
from agent.local_line import LineOptions, LocalLine
from agent.messages import ResultMessage, StatusMessage
from agent.subscriber.subscriber import subscribe_status

AFTER_FRAME = ("segment", "judge", "write")
"""Frame in hand → PLC write acknowledged."""


def run_bench(options: LineOptions) -> None:
    """Run the local line and print the table; the PLC simulator's process shares this computer."""
    console = Console(highlight=False)
    with ExitStack() as running:
        with console.status(f"{options.parts} parts at {options.rate_per_s:g}/s …"):
            line = running.enter_context(LocalLine(options))
            pulses: list[StatusMessage] = []
            threading.Thread(target=_listen, args=(line.endpoints["results"], pulses), daemon=True).start()
            cycle_ms = load_config(line.config).plc.cycle_ms
            end_s = time.monotonic() + options.seconds + 10
            while not line.finished and time.monotonic() < end_s:
                line.check_alive()
                time.sleep(0.5)
        messages = [message for message in line.messages if set(AFTER_FRAME) <= set(message.latencies_ms)]
    console.print(f"{machine()}, provider cpu, {options.parts} parts at {options.rate_per_s:g}/s")
    table = latency_table(messages)
    totals, overheads = path_ms(messages)
    add_percentiles(table, "frame in hand → PLC write acknowledged", totals)
    add_percentiles(table, "  of this, not the bare run (overhead)", overheads)
    console.print(table)
    bare = np.median([message.latencies_ms["run"] for message in messages])
    gaps_ms = [pulse.plc_write_gap_ms for pulse in pulses if pulse.inspected]  # those before span the start
    if gaps_ms:
        console.print(
            f"longest time between two heartbeats at the PLC, of each second: median {np.median(gaps_ms):.1f} ms, "
            f"max {max(gaps_ms):.1f} ms, {len(gaps_ms)} s (period {cycle_ms:.0f} ms)"
        )
    console.print(f"whole path / bare run at the median: {np.median(totals) / bare:.2f} ×")


def _listen(results: str, pulses: list[StatusMessage]) -> None:
    for pulse in subscribe_status(results):
        pulses.append(pulse)


def path_ms(messages: list[ResultMessage]) -> tuple[list[float], list[float]]:
    """(frame in hand → acknowledged, the same less the bare run) of each part."""
    totals = [sum(message.latencies_ms[stage] for stage in AFTER_FRAME) for message in messages]
    overheads = [total - message.latencies_ms["run"] for total, message in zip(totals, messages, strict=True)]
    return totals, overheads
