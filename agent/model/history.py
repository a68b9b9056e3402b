"""What has become of the models that were tried on a station, out of its journal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from agent.config import load_config
from agent.journal.history import reading
from agent.model.store import ModelStore, shortened


def print_history(path: Path, last: int) -> None:
    """Which model is in use; the newest so many entries, newest first, as a table. The station may run. ConfigError."""
    config = load_config(path)
    with reading(config.station.journal) as journal:
        rows = journal.execute(
            "SELECT utc, what, who, detail FROM events WHERE kind = 'model' ORDER BY event_id DESC LIMIT ?", (last,)
        ).fetchall()
    print(_in_use(ModelStore(config.station.state_dir, config.model.path)))
    if not rows:
        print("no model has been installed on this station since its journal begins")
        return
    table = Table("UTC", "what", "who", "", title=f"models of {config.station.line}/{config.station.name}")
    table.columns[3].overflow = "fold"
    for row in rows:
        table.add_row(row["utc"][:19], row["what"].replace("_", " "), row["who"], shortened(row["detail"]))
    Console(highlight=False).print(table)


def _in_use(store: ModelStore) -> str:
    installed = store.read()
    if installed is None:
        return shortened(f"in use: {store.configured()}, by [model] path; none before it")
    trial = ", on trial" if installed.on_trial else ""
    before = "none" if installed.previous == installed.model else installed.previous
    return shortened(f"in use: {installed.model}{trial}, before it: {before}")
