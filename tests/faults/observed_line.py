"""A local line under observation: processes within reach, settings of its own, and every ledger checked by the truth.

The truth is the belt: which part lay under the lens, and what the model under test says of that very photo.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path
from subprocess import Popen
from typing import Any, Self

from pymodbus.client import ModbusTcpClient

from agent.config import load_config
from agent.errors import NoDecision
from agent.frame_check import check_frame
from agent.inspection import Frame
from agent.journal.history import open_reader
from agent.judge import Judge
from agent.local_line import LineOptions, LocalLine, to_toml
from agent.messages import ResultMessage
from agent.plc.register_map import AGENT_BLOCK
from agent.plc.sim.belt import DIFFERENT_PARTS, procedural_parts
from agent.recipe import load_recipe
from agent.segmenter import Segmenter
from agent.subscriber.subscriber import history
from agent.view import open_view
from tests.faults.chaos_proxy import ChaosProxy
from tests.waiting import wait_until

ACTION_OF = {
    "passed": "passed",
    "rejected": "rejected",
    "no_decision": "rejected_no_decision",
    "no_verdict": "rejected_no_verdict",
}


class ObservedLine(LocalLine):
    """A LocalLine whose processes can be killed, stopped and started, with a proxy before its PLC if wanted."""

    def __init__(self, options: LineOptions, changes: dict[str, dict[str, Any]] | None = None) -> None:
        super().__init__(options)
        self._belt = options
        self.changes = {"model": {"threads": 1}} | (changes or {})
        self.settings: dict[str, Any] = {}
        self.processes: dict[str, Popen[bytes]] = {}
        self.proxy: ChaosProxy | None = None

    def _write_config(self) -> dict[str, Any]:
        """As the LocalLine does, with this test's changes; a proxy goes between station and PLC."""
        self.settings = super()._write_config()
        changed = {name: self.settings.get(name, {}) | table for name, table in self.changes.items()}
        seen_by_station = self.settings | changed
        if self.proxied:
            self.proxy = ChaosProxy(self.settings["plc"]["port"])
            seen_by_station["plc"] = seen_by_station["plc"] | {"port": self.proxy.port}
        self.config.write_text(to_toml(seen_by_station), encoding="utf-8")
        return self.settings

    proxied = False

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        return [*super()._simulator_arguments(settings), "--settle-s", "0.3"]

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        if self.proxy is not None:
            self.proxy.close()

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        self.processes[name] = super().start(name, arguments)
        return self.processes[name]

    def kill_station(self) -> None:
        """kill -9, as the kernel's out-of-memory killer would."""
        self.processes["station"].kill()
        self.processes["station"].wait()

    def restart_station(self) -> None:
        """What systemd does."""
        times = self.said("READY:")
        self.start("station", ["run", str(self.config)])
        wait_until(lambda: self.said("READY:") > times, "the station is READY again")

    def said(self, text: str, name: str = "station") -> int:
        """How often the process has logged this."""
        return self.log(name).read_text(errors="replace").count(text)

    def wait_for_parts(self, count: int) -> None:
        """Until the arm has acted on so many."""
        wait_until(lambda: len(self.truth()) >= count, f"{count} parts are decided")

    def wait_for_all_rows(self) -> None:
        """Until the arm has acted on every part, and the journal has a completed row for each."""
        self.wait_for_parts(self.options.parts)
        wait_until(lambda: len(self.rows()) >= self.options.parts, "every part has its row")

    def end_here(self) -> None:
        """Do as if the last part that the arm has acted on were the last on the belt."""
        last = len(self.truth())
        self.options = replace(self.options, seconds=last / self.options.rate_per_s)
        assert self.options.parts == last
        wait_until(lambda: len(self.rows()) == last, "every part so far has its row")

    def truth(self) -> list[dict[str, Any]]:
        """What the arm did with each part of the belt."""
        return [record for record in super().truth() if (record["part_id"] or 0) <= self.options.parts]

    def rows(self) -> list[dict[str, Any]]:
        """Completed rows of the journal, one a trigger."""
        reader = open_reader(self.journal)
        found = [dict(row) for row in reader.execute("SELECT * FROM inspections WHERE completed ORDER BY message_id")]
        reader.close()
        return [row for row in found if self._is_of_this_belt(row["trigger_seq"])]

    def replayed(self) -> list[ResultMessage]:
        """What a subscriber gets that comes only now."""
        messages = history(self.settings["publisher"]["replay"])
        return [message for message in messages if self._is_of_this_belt(message.trigger_seq)]

    def _is_of_this_belt(self, trigger_seq: int) -> bool:
        """After `end_here` the belt may run on."""
        return self.options is self._belt or trigger_seq <= self.options.parts

    def agent_words(self) -> list[int]:
        """The agent's block as it stands in the PLC's memory."""
        with ModbusTcpClient("127.0.0.1", port=self.settings["plc"]["port"]) as client:
            return list(client.read_holding_registers(AGENT_BLOCK.base, count=AGENT_BLOCK.count).registers)

    # --- the balance -------------------------------------------------------------------------------------------

    def check_ledgers(self) -> dict[str, int]:
        """Exactly one decision a part, each for the part it belongs to, in all ledgers; rows by verdict."""
        truth, rows = self.truth(), self.rows()
        seqs = list(range(1, self.options.parts + 1))
        assert sorted(record["part_id"] for record in truth) == seqs, "one outcome a part at the PLC"
        assert sorted(row["trigger_seq"] for row in rows) == seqs, "one row a trigger in the journal"
        assert {row["kind"] for row in rows} == {"inspection"}
        expected = self.expected_verdicts()
        of_seq = {record["seq"]: record for record in truth}
        # which part truly lay before the arm depends on how punctual this computer is; ids must be in step anyway
        assert all(record["seq"] == record["part_id"] for record in truth), "the PLC's ids are out of step"
        for row in rows:
            self._check_row(row, of_seq[row["trigger_seq"]], expected)
        heard = [(message.message_id, message.trigger_seq, message.verdict) for message in self.replayed()]
        assert heard == [(row["message_id"], row["trigger_seq"], row["verdict"]) for row in rows]
        return dict(Counter(row["verdict"] for row in rows))

    def _check_row(self, row: dict[str, Any], record: dict[str, Any], expected: dict[int, str]) -> None:
        part_id = record["part_id"]
        assert row["part_id"] in (part_id, 0), "the row speaks of another part"
        for verdict in {row["verdict"], row["late_verdict"]} & {"pass", "reject"}:
            assert row["part_id"] == part_id
            assert verdict == expected[part_id], f"part {part_id} was judged by another part's photo"
        if record["outcome"] == "passed":
            assert expected[part_id] == "pass", f"part {part_id} passed without a PASS"
            # the PASS arrived, but neither its acknowledgement nor the PLC's word on the part came back
            unsaid = (row["reason"], row["late_verdict"], row["plc_action"]) == ("plc_link", "pass", "unknown")
            assert row["verdict"] == "pass" or unsaid, f"part {part_id} passed, its row says {row['verdict']}"
        if row["plc_action"] != "unknown":
            assert row["plc_action"] == ACTION_OF[record["outcome"]]
        assert (record["arm"] == "let_pass") == (record["outcome"] == "passed")

    def expected_verdicts(self) -> dict[int, str]:
        """What the model and the recipe say of each part's own photo."""
        config, belt = load_config(self.config), self._belt
        segmenter, recipe = Segmenter(config.model.path, "cpu", 1), load_recipe(config.recipe)
        judge = Judge(recipe, open_view(config).calibration(config.calibration), segmenter.contract)
        verdicts, parts = {}, self.options.parts
        for part in islice(procedural_parts(belt.parts, belt.defect_share, belt.seed), min(parts, DIFFERENT_PARTS)):
            try:
                check_frame(Frame(part.image, 0, 0), recipe.frame)
                verdicts[part.part_id] = judge.judge(segmenter.segment(part.image)).verdict.value
            except NoDecision:
                verdicts[part.part_id] = "no_decision"
        return {part_id: verdicts[(part_id - 1) % DIFFERENT_PARTS + 1] for part_id in range(1, parts + 1)}


class ProxiedLine(ObservedLine):
    """The station reaches its PLC only through the proxy."""

    proxied = True


def line_of(model: Path, seconds: float, rate_per_s: float) -> LineOptions:
    return LineOptions(seconds=seconds, rate_per_s=rate_per_s, model=model)
