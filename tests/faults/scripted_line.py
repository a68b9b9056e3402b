"""The rig: real station process with a scripted segmenter, the chaos proxy, the real PLC simulator, a subscriber.

`balance` compares the ledgers with each other and with the script, part by part.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from subprocess import Popen
from typing import Any

from agent.inspection import Verdict
from agent.journal.history import open_reader
from agent.local_line import LineOptions
from agent.plc.register_map import AGENT_BLOCK, Ctrl, Status
from tests.conftest import ROOT
from tests.faults.balance import Balance
from tests.faults.chaos_proxy import SUDDEN, Injected
from tests.faults.observed_line import ProxiedLine
from tests.faults.plc_memory import SAMPLE_S, PlcMemory
from tests.faults.script import Script
from tests.waiting import wait_until

MS = 1_000_000
RATE_PER_S, SCAN_MS, CYCLE_MS, TIMEOUT_MS, DECIDE_MS, GUARD_MS = 200, 5, 10, 60, 400, 25
SETTINGS: dict[str, dict[str, Any]] = {
    "plc": {"scan_ms": SCAN_MS, "cycle_ms": CYCLE_MS, "timeout_ms": TIMEOUT_MS, "guard_ms": GUARD_MS},
    "calibration": {"x_mm_per_px": 1.0, "y_mm_per_px": 1.0},
    "alarm": {"consecutive_rejects": 0, "consecutive_no_decisions": 0},
    "journal": {"wait_ms": 20},
    "publisher": {"images": "none"},
}
"""Alarms are off: the line shall not stop while it is being tormented."""


class ScriptedLine(ProxiedLine):
    """A line whose segmenter follows a script, at `rate_per_s` and without cameras in the way."""

    def __init__(
        self,
        script: Script,
        parts: int,
        rate_per_s: float = RATE_PER_S,
        decide_ms: int = DECIDE_MS,
        changes: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        tables = SETTINGS | {name: SETTINGS.get(name, {}) | table for name, table in (changes or {}).items()}
        super().__init__(LineOptions(seconds=parts / rate_per_s, rate_per_s=rate_per_s), tables)
        self.script, self.decide_ms = script, decide_ms
        self.epoch = 1
        self.killed_ns: list[int] = []

    station = "tests.faults.scripted_station"
    """The module that is the station's process."""
    environment: Mapping[str, str] = {}
    """What that has in its environment beside ours."""

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        if name != "station":
            return super().start(name, arguments)
        script = self._path / "segmenter.json"
        self.script.write(script)
        command = [sys.executable, "-m", self.station, str(self.config), str(script)]
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, **self.environment}
            )
        self._processes[name] = self.processes[name] = process
        return process

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        own = ["--blank", "--scan-ms", SCAN_MS, "--decide-ms", self.decide_ms, "--epoch", self.epoch]
        return [*super()._simulator_arguments(settings), *map(str, own)]

    def kill_station(self) -> None:
        super().kill_station()
        self.killed_ns.append(time.monotonic_ns())

    def restart_station(self) -> None:
        """What systemd does; returns when the PLC is told READY by the new process."""
        with self.memory() as memory:
            old = memory.agent("AGENT_EPOCH")
            self.start("station", [])
            wait_until(lambda: memory.agent("AGENT_EPOCH") != old and is_ready(memory), "the station is READY again")

    def until_the_plc_knows_ms(self) -> float:
        """How long after the last kill the PLC took the trigger enable away."""
        with self.memory() as memory:
            while memory.plc("CTRL") & Ctrl.TRIGGER_ENABLE:
                time.sleep(SAMPLE_S)
        return (time.monotonic_ns() - self.killed_ns[-1]) / MS

    def memory(self) -> PlcMemory:
        """A look into the PLC."""
        return PlcMemory(self.settings["plc"]["port"])

    def strike(self, thread: str) -> int:
        """Let that thread of the station die of an exception, wherever it is; the process' exit code."""
        (self._path / "segmenter.strike").write_text(thread)
        station = self.processes["station"]
        end_s = time.monotonic() + 20
        while station.poll() is None and time.monotonic() < end_s:
            station.send_signal(signal.SIGUSR1)  # it may have struck where an exception does no harm
            time.sleep(0.05)
        return station.wait(1)

    # --- counting without parsing, so that watching costs nothing ---------------------------------------------------

    def decided(self) -> int:
        """On how many parts the arm has acted."""
        path = self._path / "truth.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def wait_for_parts(self, count: int) -> None:
        while (before := self.decided()) < count:
            wait_until(lambda before=before: self.decided() > before, f"more than {before} parts are decided")

    def wait_for_all_rows(self) -> None:
        self.wait_for_parts(self.options.parts)
        wait_until(lambda: self._completed() >= self.options.parts, "every part has its row")

    def _completed(self) -> int:
        reader = open_reader(self.journal)
        (count,) = reader.execute("SELECT count(*) FROM inspections WHERE completed").fetchone()
        reader.close()
        return int(count)

    # --- faults -----------------------------------------------------------------------------------------------------

    def torment(self, faults: tuple[str, ...], chance: random.Random, seconds: tuple[float, float],
                pause_s: tuple[float, float], until: int) -> None:  # fmt: skip
        """One fault after the other while fewer than `until` parts are decided; the line recovers between two."""
        assert self.proxy is not None
        while self.decided() < until:
            self.proxy.inject(chance.choice(faults), log_uniform(chance, *seconds), chance.uniform(0.01, 0.3))
            answers = self.proxy.answers
            while self.proxy.answers < answers + 4 and self.decided() < until:
                time.sleep(0.002)
            time.sleep(chance.uniform(*pause_s))

    @property
    def injected(self) -> list[Injected]:
        assert self.proxy is not None
        return self.proxy.injected

    def recoveries_ms(self) -> list[float]:
        """For each fault: from its end to the first verdict acknowledged after it.

        A connection that breaks all of a sudden takes an answer under way with it; what the agent digests in the
        same millisecond had come before.
        """
        times = sorted(row["acknowledged_ns"] for row in self.rows() if row["acknowledged_ns"])
        found, at = [], 0
        for fault in self.injected:
            end_ns = fault.end_ns + (MS if fault.fault in SUDDEN else 0)
            while at < len(times) and times[at] <= end_ns:
                at += 1
            if at < len(times):
                found.append((times[at] - fault.end_ns) / 1e6)
        return found

    def edges_ns(self) -> dict[int, int]:
        """When each part passed the photo-eye, CLOCK_MONOTONIC: the arm acts decide_ms later."""
        return {record["part_id"]: int(record["at_s"] * 1e9) - self.decide_ms * MS for record in self.truth()}

    def hit_by_outages(self) -> set[int]:
        """Parts of whose way from photo-eye to decision point any moment lay in a fault as the rig injected it."""
        spans = [(fault.begin_ns, fault.end_ns) for fault in self.injected]
        hit, at = set(), 0
        for part_id, edge_ns in sorted(self.edges_ns().items()):
            while at < len(spans) and spans[at][1] < edge_ns:
                at += 1
            if at < len(spans) and spans[at][0] <= edge_ns + self.decide_ms * MS:
                hit.add(part_id)
        return hit

    def truth(self) -> list[dict[str, Any]]:
        return [record for record in super().truth() if record["part_id"]]

    # --- the balance ------------------------------------------------------------------------------------------------

    def expected_verdicts(self) -> dict[int, str]:
        return {part_id: self.script.verdict(part_id).value for part_id in range(1, self.options.parts + 1)}

    def balance(self) -> Balance:
        """Draw it up; raises AssertionError where two ledgers differ or a part was not decided exactly once."""
        self.wait_for_all_rows()
        assert self.processes["station"].poll() is None, "the station has ended"
        truth, rows = self.truth(), self.rows()
        passed = [record["part_id"] for record in truth if record["outcome"] == "passed"]
        verdicts = Counter(row["verdict"] for row in rows)
        found = Balance(
            triggers=len({record["part_id"] for record in truth}),
            passed=verdicts["pass"],
            rejected=verdicts["reject"],
            no_decision=verdicts["no_decision"],
            escapes=sum(self.script.verdict(part_id) is not Verdict.PASS for part_id in passed),
            duplicates=len(truth) + len(rows) - len({r["seq"] for r in truth}) - len({r["trigger_seq"] for r in rows}),
            late=sum(row["late_verdict"] is not None for row in rows),
        )
        assert (found.escapes, found.duplicates) == (0, 0), found
        assert self.check_ledgers() == {name: count for name, count in verdicts.items() if count}
        return found

    def check_counters(self) -> None:
        """PASS_CNT, REJECT_CNT and NO_DECISION_CNT in the PLC's memory are the journal's, if one process saw all parts.

        The counters tell what was decided; where the PLC never got it the journal says NO_DECISION(plc_link).
        """
        decided = Counter(row["late_verdict"] if row["reason"] == "plc_link" else row["verdict"] for row in self.rows())
        names = {"pass": "PASS_CNT", "reject": "REJECT_CNT", "no_decision": "NO_DECISION_CNT"}
        wait_until(
            lambda: sum(self.counters(names.values())) == self.options.parts & 0xFFFF, "the counters are written"
        )
        assert self.counters(names.values()) == [decided[verdict] & 0xFFFF for verdict in names]

    def counters(self, names: Any) -> list[int]:
        """These words as they stand in the PLC's memory."""
        words = self.agent_words()
        return [AGENT_BLOCK.get(words, name) for name in names]


def is_ready(memory: PlcMemory) -> bool:
    """Does the PLC's memory say READY?"""
    return bool(Status(memory.agent("STATUS")) & Status.READY)


def log_uniform(chance: random.Random, low: float, high: float) -> float:
    """As many below the geometric mean as above it."""
    return low * (high / low) ** chance.random()
