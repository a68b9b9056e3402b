"""What the demo shows: the live screen while the belt runs, and the summary at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.inspection import STAGES
from agent.messages import ResultMessage
from agent.watch.lines import STYLES, result_line

VERDICTS = ("pass", "reject", "no_decision")
OUTCOME_VERDICT = {"passed": "pass", "rejected": "reject", "no_decision": "no_decision", "no_verdict": "no_decision",
                   "untracked": "no_decision"}  # fmt: skip
"""A part for which no verdict came in time counts as no_decision in every ledger."""
Truth = list[dict[str, Any]]


@dataclass(frozen=True)
class Ledger:
    """The same parts as three of them saw it, and what was true."""

    parts: int
    truth: Truth
    messages: list[ResultMessage]
    journal: dict[str, int]
    ready_s: float

    @property
    def plc(self) -> dict[str, int]:
        return dict(Counter(OUTCOME_VERDICT[record["outcome"]] for record in self.truth))

    @property
    def subscriber(self) -> dict[str, int]:
        return dict(Counter(message.verdict for message in self.messages))

    @property
    def consistent(self) -> bool:
        """Exactly one decision a part, the same in PLC, journal and subscriber, for the part it belongs to."""
        ids = Counter(message.part_id for message in self.messages)
        return (
            len(self.truth) == self.parts == len(ids) == len(self.messages)
            and self.plc == self.journal == self.subscriber
            and all(record["part_id"] == record["true_part_id"] for record in self.truth)
        )


def live_view(parts: int, truth: Truth, messages: list[ResultMessage]) -> RenderableType:
    """Counters, and the newest results under them."""
    counts: Counter[str] = Counter(message.verdict for message in messages)
    head = Text.assemble(
        ("Linegate demo  ", "bold"),
        f"{len(truth)}/{parts} parts at the arm   ",
        *((f"{verdict} {counts[verdict]}   ", STYLES[verdict]) for verdict in VERDICTS),
        f"let through {sum(r['arm'] == 'let_pass' for r in truth)}   ",
        f"escapes {sum(r['escape'] for r in truth)}   good ones rejected {sum(r['overkill'] for r in truth)}",
    )
    return Group(head, *(result_line(message) for message in messages[-12:]))


def summary(ledger: Ledger) -> RenderableType:
    """The whole run on one screen."""
    return Group(_ledgers(ledger), _truth_table(ledger.truth), latency_table(ledger.messages), _closing(ledger))


def _ledgers(ledger: Ledger) -> Table:
    table = Table(title="Exactly one decision a part, in three ledgers", title_justify="left")
    for column in ("", "parts", *VERDICTS):
        table.add_column(column, justify="left" if not column else "right")
    for name, counts in (("PLC", ledger.plc), ("journal", ledger.journal), ("subscriber", ledger.subscriber)):
        table.add_row(name, str(sum(counts.values())), *(str(counts.get(verdict, 0)) for verdict in VERDICTS))
    return table


def _truth_table(truth: Truth) -> Table:
    """Per true kind: what the arm did with such parts."""
    table = Table(title="Reject arm against the truth on the belt", title_justify="left")
    for column in ("true kind", "parts", "rejected", "let through", "wrong"):
        table.add_column(column, justify="left" if column == "true kind" else "right")
    kinds = {record["kind"] for record in truth if record["kind"]}
    for kind in sorted(kinds, key=lambda kind: (kind != "free", kind)):
        records = [record for record in truth if record["kind"] == kind]
        through = sum(record["arm"] == "let_pass" for record in records)
        wrong = sum(record["escape"] or record["overkill"] for record in records)
        label = "good" if kind == "free" else kind
        table.add_row(label, str(len(records)), str(len(records) - through), str(through), str(wrong))
    return table


def latency_table(messages: list[ResultMessage]) -> Table:
    """Every stage of the deadline path."""
    table = Table(title="Latency, ms", title_justify="left")
    for column in ("stage", "median", "p90", "p99", "max", "n"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, meaning in STAGES.items():
        add_percentiles(table, meaning, [m.latencies_ms[stage] for m in messages if stage in m.latencies_ms])
    return table


def add_percentiles(table: Table, label: str, values_ms: list[float]) -> None:
    """One row: median, p90, p99, max and n; nothing when there are no values."""
    if values_ms:
        figures = np.percentile(values_ms, [50, 90, 99, 100])
        table.add_row(label, *(f"{figure:.2f}" for figure in figures), str(len(values_ms)))


def _closing(ledger: Ledger) -> Text:
    escapes = sum(record["escape"] for record in ledger.truth)
    overkill = sum(record["overkill"] for record in ledger.truth)
    good = sum(record["kind"] == "free" for record in ledger.truth)
    bad = len(ledger.truth) - good
    verdict = ("all ledgers agree: one decision for each part", "bold green")
    if not ledger.consistent:
        verdict = (f"LEDGERS DISAGREE over {ledger.parts} parts: this is a fault of Linegate", "bold red")
    return Text.assemble(
        f"station READY after {ledger.ready_s:.1f} s; {escapes} of {bad} bad parts escaped, "
        f"{overkill} of {good} good parts were rejected\n",
        verdict,
    )
