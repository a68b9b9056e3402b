"""F14: a station with keys, and those who have none that it knows, a thousand a second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from agent.journal.history import open_reader
from agent.keys import write_new_keys
from agent.messages import ResultMessage, StatusMessage
from agent.results.authenticator import TELL_S
from agent.subscriber.control_client import give_command
from agent.subscriber.handshakes import Refused
from agent.subscriber.subscriber import follow, history
from tests.conftest import ROOT
from tests.faults.intruders import Heard, Target
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.faults.sizes import SEED, sized
from tests.faults.test_overload import latencies_ms, rss_mb
from tests.results.key_ring import KeyRing
from tests.waiting import wait_until

LINE_RATE_PER_S, DECIDE_MS = 50, 1000
RSS_LIMIT_MB = 20.0
UNSEEN = 0.03
"""Who connects and hangs up at once may not be seen by both sides; one of the line's own is counted too."""
SPARE_DESCRIPTORS = 400
"""While it is being flooded: three endpoints, and what each lets wait at once."""


class KeyedLine(ScriptedLine):
    """A line whose station has keys; the test is a client that may listen."""

    def __init__(self, parts: int) -> None:
        super().__init__(Script(SEED, no_decision_share=0.0), parts, LINE_RATE_PER_S, DECIDE_MS)
        self.ring = KeyRing(self._path / "keys")
        self.own = self.ring.keys("listener")
        self.refused = 0
        """As the newest pulse has it."""
        self.changes["publisher"] = self.changes["publisher"] | self.ring.table

    def replayed(self) -> list[ResultMessage]:
        return list(history(self.settings["publisher"]["replay"], keys=self.own))

    def _receive(self) -> None:
        results, replay = self.endpoints["results"], self.endpoints["replay"]
        for heard in follow(results, replay, since=0, keys=self.own, stop=self._over):
            if isinstance(heard, ResultMessage):
                self.messages.append(heard)
            elif isinstance(heard, StatusMessage):
                self.refused = heard.upkeep.clients_refused

    def events(self) -> list[dict[str, Any]]:
        """As they stand in the journal."""
        with closing(open_reader(self.journal)) as reader:
            return [dict(row) for row in reader.execute("SELECT * FROM events ORDER BY event_id")]

    def target(self) -> Path:
        """What an intruder knows, as a file."""
        write_new_keys("old", self.ring.folder)
        known, unknown = self.own.own, self.ring.keys("stranger").own
        target = Target(
            {name: self.endpoints[name] for name in ("results", "replay", "control")},
            self.own.station.decode(),
            self.ring.keys("listener", "old").station.decode(),
            (known.public.decode(), known.secret.decode()),
            (unknown.public.decode(), unknown.secret.decode()),
        )
        path = self._path / "target.json"
        path.write_text(json.dumps(asdict(target)))
        return path


@sized(("rate_per_s", "seconds", "floods", "margin"), (250, 1.0, 1, 0.2), (1000, 10, 6, 0.01))
def test_f14_nobody_without_a_key_gets_in_and_no_verdict_is_late_for_it(
    report: Report, rate_per_s: float, seconds: float, floods: int, margin: float
) -> None:
    """Unknown key, old config, no key, password, garbage, in turn.

    (`margin`: the share of parts with a verdict may be so much less while they come than in the calm between.)
    """
    calm, flooded = round(seconds * LINE_RATE_PER_S / 2), round(seconds * LINE_RATE_PER_S)
    with KeyedLine(floods * (calm + flooded) + calm + LINE_RATE_PER_S) as line:
        station = line.processes["station"].pid
        line.wait_for_parts(calm)
        before_mb, before = rss_mb(station), descriptors(station)
        target, heard, most, while_flooded = line.target(), Heard(), 0, set[int]()
        for _ in range(floods):
            line.wait_for_parts(line.decided() + calm)
            first = line.decided() + 1
            most = max(most, flood(station, target, rate_per_s, seconds, heard))
            while_flooded |= set(range(first, line.decided() + 1))
        assert heard.messages == 0, "something leaked"
        wait_until(lambda: line.refused >= (1 - UNSEEN) * heard.connections, "all refusals are counted")
        balance = line.balance()
        rows = {row["trigger_seq"]: row for row in line.rows()}
        calm_ms, flooded_ms = (latencies_ms(rows, parts) for parts in (rows.keys() - while_flooded, while_flooded))
        after_mb, after = rss_mb(station), descriptors(station)
        undecided = [1 - len(flooded_ms) / len(while_flooded), 1 - len(calm_ms) / (len(rows) - len(while_flooded))]
        report.add(
            Finding("F14 intruders", balance.triggers, line.refused, balance.escapes, balance.duplicates,
                    undecided[0], None, [],
                    f"{heard.attempts / (floods * seconds):.0f}/s; photo-eye to PLC p50 {median(calm_ms):.0f} → "
                    f"{median(flooded_ms):.0f}, p99 {p99(calm_ms):.0f} → {p99(flooded_ms):.0f} ms; without a verdict "
                    f"in the calm {undecided[1]:.2%}; memory {before_mb:.0f} → {after_mb:.0f} MB, descriptors "
                    f"{before}, at most {most}, then {after}")
        )  # fmt: skip
        assert line.refused <= (1 + UNSEEN) * heard.attempts, "some are counted twice"
        assert heard.connections > 0.5 * rate_per_s * floods * seconds, "this run has proved nothing"
        assert undecided[0] <= undecided[1] + margin
        assert after_mb - before_mb < RSS_LIMIT_MB
        assert after <= before + 2
        assert most < before + SPARE_DESCRIPTORS
        wait_until(lambda: len(line.messages) >= line.options.parts, "who has a key has missed nothing")
        check_who_commanded(line, floods * seconds)


def flood(station: int, target: Path, rate_per_s: float, seconds: float, heard: Heard) -> int:
    """Add to `heard` what came of it; how many descriptors the station had open at most."""
    command = [sys.executable, "-m", "tests.faults.intruders", str(target)]
    command += ["--rate", str(rate_per_s), "--seconds", str(seconds)]
    most = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as intruders:
        while intruders.poll() is None:
            most = max(most, descriptors(station))
            time.sleep(0.02)
        assert intruders.returncode == 0
        assert intruders.stdout
        for name, count in json.loads(intruders.stdout.read()).items():
            setattr(heard, name, getattr(heard, name) + count)
    return most


def check_who_commanded(line: KeyedLine, seconds: float) -> None:
    """Nobody but the operator, who does so now; the refusals are in the journal, but not one by one."""
    control = line.endpoints["control"]
    with pytest.raises(Refused):
        give_command(control, "challenge", "R. Diaz", keys=line.own)
    give_command(control, "challenge", "R. Diaz", keys=line.ring.keys("operator"))
    wait_until(lambda: any(event["kind"] == "command" for event in line.events()), "the command is written down")
    events = line.events()
    assert [event["who"] for event in events if event["kind"] == "command"] == ["R. Diaz"]
    assert not any(row["challenge"] for row in line.rows()), "an intruder was obeyed"
    assert 1 <= sum(event["what"] == "REFUSED" for event in events) <= 2 + seconds / TELL_S


def descriptors(pid: int) -> int:
    """Open files and connections of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]
