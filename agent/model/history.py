"""What has become of the models that were tried on a station, out of its journal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from agent.config import load_config
from agent.journal.history import reading
from agent.model.store import shortened


def print_history(path: Path, last: int) -> None:
    """The newest so many entries, newest first, as a table; the station may run. Raises ConfigError."""
    config = load_config(path)
    with reading(config.station.journal) as journal:
        rows = journal.execute(
            "SELECT utc, what, who, detail FROM events WHERE kind = 'model' ORDER BY event_id DESC LIMIT ?", (last,)
        ).fetchall()
    if not rows:
        print("no model has been installed on this station since its journal begins: [model] path names the one in use")
        return
    table = Table("UTC", "what", "who", "", title=f"models of {config.station.line}/{config.station.name}")
    table.columns[3].overflow = "fold"
    for row in rows:
        table.add_row(row["utc"][:19], row["what"].replace("_", " "), row["who"], shortened(row["detail"]))
    Console(highlight=False).print(table)
