"""A simulated line whose models say one thing of every part: which one has judged it shows in the verdict."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from agent.journal.history import open_reader
from agent.model.store import ModelStore
from agent.plc.register_map import AGENT_BLOCK
from agent.subscriber.control_client import give_command
from tests.faults.observed_line import ObservedLine, line_of
from tests.waiting import wait_until

NO_STOP = {"alarm": {"consecutive_rejects": 0, "consecutive_no_decisions": 0}, "publisher": {"images": "none"}}
WHO = "R. Diaz"
ENDS = ("refused", "kept", "rolled_back")


class ModelLine(ObservedLine):
    """`model` is the config's. `says`: what each model says of every part, by its sha256; for `check_ledgers`."""

    def __init__(self, model: Path, seconds: float, rate_per_s: float) -> None:
        super().__init__(line_of(model, seconds, rate_per_s), NO_STOP)

    def offer(self, file: Path) -> str:
        """As `linegate model install` does, without waiting for what comes of it; its sha256."""
        store = ModelStore(self.journal.parent, self.options.model or Path())
        sha256 = store.add(file.read_bytes())
        give_command(self.endpoints["control"], "model", WHO, sha256)
        return sha256

    def install(self, file: Path) -> dict[str, Any]:
        """Offer it, and wait until it is refused, kept or rolled back: that event."""
        before = len(self.events())
        sha256 = self.offer(file)

        def ends() -> list[dict[str, Any]]:
            mine = [event for event in self.events()[before:] if event["detail"].startswith(sha256)]
            return [event for event in mine if event["what"] in ENDS]

        wait_until(ends, f"something has come of {file.name}", lambda: self.log("station").read_text()[-2000:])
        return ends()[0]

    def events(self, kind: str = "model") -> list[dict[str, Any]]:
        """Of the journal, oldest first."""
        reader = open_reader(self.journal)
        found = reader.execute("SELECT * FROM events WHERE kind = ? ORDER BY event_id", (kind,)).fetchall()
        reader.close()
        return [dict(row) for row in found]

    def plc_word(self, name: str) -> int:
        """As the agent has told it to the PLC."""
        return AGENT_BLOCK.get(self.agent_words(), name)

    def judged(self) -> Counter[tuple[str, str]]:
        """(model's sha256, verdict) of the parts that were judged."""
        return Counter((row["model_sha256"], row["verdict"]) for row in self.rows() if row["verdict"] != "no_decision")

    def expected_verdicts(self) -> dict[int, str]:
        """A part that passed was judged by a model that passes all; by its row it is known which one that was."""
        return {row["trigger_seq"]: self.says[row["model_sha256"]] for row in self.rows()}

    says: dict[str, str]
