"""`linegate run` that waits for the row of a part longer than any station's file may say: its loop can be hung.

`python -m tests.faults.patient_station CONFIG`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agent.config import load_config
from agent.errors import exit_on_error
from agent.log.open_log import open_log, tell_end
from agent.open_station import run_station
from agent.service import stop_on_signals

PATIENCE_MS = 5000.0


def main(path: Path) -> None:
    """Run until SIGTERM, or until something hangs."""
    open_log("text")
    with exit_on_error(tell_end):
        config = load_config(path)
        journal = config.journal.model_copy(update={"wait_ms": PATIENCE_MS})
        run_station(config.model_copy(update={"journal": journal}), stop_on_signals())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
