"""A station on one screen: how it stands, what has been counted, and the newest parts."""

from __future__ import annotations

from collections import Counter, deque
from statistics import median, quantiles

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.messages import ResultMessage, StatusMessage
from agent.subscriber.follower import Heard, Trouble
from agent.watch.lines import STYLES, flags, found, has_no_plc, note, standing_text, total, upkeep_worries

NOTES, TIMED = 5, 1000
APART = {"gap": "gaps", "challenge": "challenges", "bypass": "bypassed"}
"""What is in no yield."""
AROUND = 9
"""Lines of the screen that are no parts and no notes."""


class Board:
    """Takes in what is heard; `view` is the screen of it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._apart: Counter[str] = Counter()
        self._parts: deque[ResultMessage] = deque(maxlen=200)
        self._notes: deque[Text] = deque(maxlen=NOTES)
        self._totals_ms: deque[float] = deque(maxlen=TIMED)
        self._status: StatusMessage | None = None
        self._silent: Trouble | None = None
        self._standalone: bool | None = None

    def take(self, heard: Heard, shown: bool) -> None:
        """Count it; `shown`: a result that is wanted among the newest parts."""
        if isinstance(heard, StatusMessage):
            self._status, self._silent = heard, None
            self._standalone = has_no_plc(heard, self._standalone)
        elif isinstance(heard, ResultMessage):
            self._count(heard)
            if shown:
                self._parts.appendleft(heard)
        else:
            self._notes.append(note(heard))
            if isinstance(heard, Trouble):
                self._silent = heard

    def say(self, text: Text) -> None:
        """A note of our own."""
        self._notes.append(text)

    def view(self, height: int) -> RenderableType:
        """At most `height` lines."""
        rows = max(height - AROUND - len(self._notes), 1)
        return Group(self._head(), self._figures(), self._upkeep(), self._newest(rows), *self._notes)

    def _count(self, message: ResultMessage) -> None:
        if message.standing == "counts":
            self._counts[message.verdict] += 1
        else:
            self._apart[APART[message.standing]] += 1
        if (total_ms := total(message)) is not None:
            self._totals_ms.append(total_ms)

    def _head(self) -> Text:
        status = self._status
        if status is None:
            return Text("no pulse of a station yet", "bold red" if self._silent else "dim")
        alarms = (f"   alarms: {', '.join(status.alarms)}", "bold red") if status.alarms else ""
        silent = ("   SILENT", "bold red") if self._silent else ""
        name = (f"{status.line}/{status.station}   ", "bold")
        return Text.assemble(name, standing_text(status), alarms, silent, (f"   {status.utc[11:19]} UTC", "dim"))

    def _figures(self) -> Text:
        counted = self._counts.total()
        share = f"yield {self._counts['pass'] / counted:.2%}   " if counted else ""
        verdicts = [(f"{verdict} {self._counts[verdict]}   ", style) for verdict, style in STYLES.items()]
        apart = "".join(f"{what} {count}   " for what, count in self._apart.items())
        return Text.assemble(f"{counted} parts   {share}", *verdicts, (apart, "cyan"), (self._latency(), "dim"))

    def _latency(self) -> str:
        if len(self._totals_ms) < 2:
            return ""
        p99_ms = quantiles(self._totals_ms, n=100, method="inclusive")[98]
        return f"latency median {median(self._totals_ms):.1f} ms, p99 {p99_ms:.1f} ms"

    def _upkeep(self) -> Text:
        if self._status is None:
            return Text()
        upkeep = self._status.upkeep
        kept = (
            f"rows waiting {upkeep.rows_waiting}   images kept {upkeep.archive_kept}, waiting {upkeep.archive_waiting}"
        )
        if upkeep.drift_learning_parts:
            kept += f"   drift: {upkeep.drift_learning_parts} more parts say what is usual"
        worries = "".join(f"   {worry}" for worry in upkeep_worries(upkeep))
        return Text.assemble((kept, "dim"), (worries, "yellow"))

    def _newest(self, rows: int) -> Table:
        with_plc = not self._standalone
        table = Table(expand=True, pad_edge=False)
        for column, style in (("id", "dim"), ("UTC", None), ("part", None), ("verdict", None)):
            table.add_column(column, style=style, no_wrap=True, justify="right" if column in ("id", "part") else "left")
        if with_plc:
            table.add_column("PLC", no_wrap=True)
        table.add_column("ms", justify="right", no_wrap=True)
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        for message in list(self._parts)[:rows]:
            table.add_row(*_cells(message, with_plc))
        return table


def _cells(message: ResultMessage, with_plc: bool) -> list[RenderableType]:
    total_ms = total(message)
    return [
        str(message.message_id),
        message.decided_utc[11:23],
        str(message.part_id),
        Text(message.verdict, STYLES[message.verdict]),
        *([message.plc_action] if with_plc else []),
        f"{total_ms:.1f}" if total_ms is not None else "–",
        Text.assemble(flags(message), found(message)),
    ]
