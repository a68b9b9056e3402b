"""What a probe has found, on one screen or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.console import Console

from agent.findings_table import findings_table
from agent.plc.commissioning.probe import Probed


def print_probed(probed: Probed) -> None:
    """Where it was, what was found there, and whether that will do."""
    console = Console(highlight=False)
    console.print(probed.where, markup=False)
    console.print(findings_table(probed.findings))
    console.print("[green]a station can run with this PLC[/]" if probed.good else "[red]mend what is marked ✗[/]")


def print_json(probed: Probed) -> None:
    """One object: where, good, findings, figures."""
    print(json.dumps(
        {"where": probed.where, "good": probed.good, "findings": probed.findings, "figures": probed.figures},
        default=_plain, indent=2, ensure_ascii=False,
    ))  # fmt: skip


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)
