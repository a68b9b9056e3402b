"""The soak: a simulated line for hours, everything on; ledgers, memory, descriptors and times are held to limits.

`make soak HOURS=1 RATE=20`, or `python -m tests.soak --hours 1 --rate 20 --out soak`. Ctrl-C ends it early with the
figures so far. Exit code 0: every goal is met.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType

from agent.errors import ConfigError, Fault
from agent.local_line import LineOptions
from tests.soak.goals import Goal, goals
from tests.soak.line import SoakLine
from tests.soak.picture import picture
from tests.soak.soak import Soak


def main() -> int:
    """Run it as ordered on the command line; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=20.0, help="parts per second")
    parser.add_argument("--out", type=Path, default=Path("soak"), help="folder for soak.json, soak.svg and the logs")
    ordered = parser.parse_args()
    if ordered.hours <= 0 or not 0.1 <= ordered.rate <= 100:
        parser.error("--hours must be above 0, --rate 0.1 to 100")
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    ordered.out.mkdir(parents=True, exist_ok=True)
    options = LineOptions(seconds=3600 * ordered.hours, rate_per_s=ordered.rate)
    say(f"soak: {options.parts:,} parts at {ordered.rate:g}/s, {60 * ordered.hours:g} min; {machine()}")
    try:
        return run(options, ordered.out)
    except (Fault, ConfigError) as error:
        say(f"error: {error}")
        return 1


def run(options: LineOptions, out: Path) -> int:
    """The soak, its table, and its files in `out`."""
    line = SoakLine(options)
    with line:
        say(f"station READY after {line.ready_s:.1f} s; the belt runs")
        soak = Soak(line, say)
        soak.run()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left takes seconds, and is what it was all for
        for name in ("station", "simulator"):
            line.stop(name)
            shutil.copy(line.log(name), out / f"{name}.log")
        line.options = replace(options, seconds=soak.parts / options.rate_per_s)
        found = goals(soak, line.expected_verdicts())
    write(out, soak, found)
    for text in table(found, soak.record.ended):
        say(text)
    say(f"figures, picture and logs: {out.resolve()}")
    return 0 if all(goal.passed for goal in found) else 1


def write(out: Path, soak: Soak, found: list[Goal]) -> None:
    """soak.json: goals and everything seen; soak.svg."""
    record = soak.record
    figures = {
        "machine": machine(), "load_average_at_the_end": os.getloadavg(), "parts": soak.parts,
        "ended_early": record.ended, "subscriber_returns": soak.listeners.returns,
        "metrics_pages": soak.listeners.scrapes, "goals": [asdict(goal) for goal in found], **asdict(record),
    }  # fmt: skip
    (out / "soak.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    title = f"{soak.parts:,} parts at {record.rate_per_s:g}/s in {record.ran_s / 60:.0f} min"
    (out / "soak.svg").write_text(picture(record, title), encoding="utf-8")


def table(found: list[Goal], ended: str) -> list[str]:
    """Lines of text: goal, found, passed; then what was missed by how much."""
    widths = [max(len(getattr(goal, name)) for goal in found) for name in ("what", "goal", "found")]
    lines = [f"== soak{f' ENDED EARLY ({ended}): figures so far' if ended else ''}"]
    for goal in found:
        cells = (goal.what.ljust(widths[0]), goal.goal.ljust(widths[1]), goal.found.ljust(widths[2]))
        lines.append("  ".join((*cells, "passed" if goal.passed else "MISSED")))
    missed = [f"error: missed: {goal.what}: {goal.missed_by}" for goal in found if not goal.passed]
    return [*lines, *(missed or ["== soak: every goal is met"])]


def machine() -> str:
    """What it ran on, in words."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
         if line.startswith("model name")), "unknown CPU",
    )  # fmt: skip
    return (
        f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def say(text: str) -> None:
    """At once, also into a pipe."""
    print(text, flush=True)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # whatever thread still waits for a message
