"""Journal, publisher and replay as a station has them, without camera and PLC: parts are fed by hand, and timed."""

from __future__ import annotations

import time
from pathlib import Path

from agent.ending import Ending
from agent.identity import Identity
from agent.inspection import Defect, Inspection, Judgement, PlcAction, Reason, Trigger, Verdict
from agent.journal.history import newest_ids
from agent.journal.housekeeping import Housekeeping
from agent.journal.journal import Journal
from agent.local_line import free_port
from agent.messages import ResultMessage
from agent.monitor.pulse import Pulse
from agent.plc.decision import Closed, Decision
from agent.raised import Raised
from agent.results.endpoints import Endpoints
from agent.results.history_server import HistoryServer
from agent.results.publisher import Publisher
from agent.results_config import JournalConfig, PublisherConfig
from agent.setup import Setup

REJECT_EVERY = 12
WAIT_MS = 5000.0
"""Longer than a station's: the whole of each wait is to be seen."""
IDENTITY = Identity("line1", "cam1", 60_000, Setup("ab" * 32, {1: ("magnetic_tile", "cd" * 32)}), True)


class HandFedStation:
    """On the journal at `path` and on free ports, from entering to leaving."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.publish_ms: list[float] = []
        """What publish() of each part took."""
        self._opened = Ending()
        self._seq = 0

    def __enter__(self) -> HandFedStation:
        self.ports = PublisherConfig(
            results=f"tcp://127.0.0.1:{free_port()}", replay=f"tcp://127.0.0.1:{free_port()}", images="none"
        )
        listeners = self._opened.later()
        self._journal = Journal(self.path, IDENTITY, WAIT_MS, required=False)
        self._opened.closes(self._journal)
        endpoints = Endpoints(self.ports)
        listeners.closes(endpoints)
        self._publisher = Publisher(self.ports, endpoints, IDENTITY, Pulse(IDENTITY, self._journal, Raised()).beat)
        listeners.closes(self._publisher)
        listeners.closes(HistoryServer(endpoints, IDENTITY, self.path))
        self._opened.closes(Housekeeping(self._journal, JournalConfig()))
        self._journal.on_completed(self._timed_publish)
        self._publisher.record_reaches(*newest_ids(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def newest_id(self) -> int:
        """Of the journal's completed rows."""
        return newest_ids(self.path)[0]

    def inspected(self, count: int, rate_per_s: float) -> list[float]:
        """Parts at a steady rate; what each waited for its row, in ms. All are published at the end."""
        waited_ms, next_s = [], time.monotonic()
        for _ in range(count):
            next_s += 1 / rate_per_s
            time.sleep(max(0.0, next_s - time.monotonic()))
            self._seq += 1
            decision = _decision(self._seq)
            begun_ns = time.monotonic_ns()
            self._journal.commit(decision)
            waited_ms.append((time.monotonic_ns() - begun_ns) / 1e6)
            action = PlcAction.REJECTED if decision.verdict is Verdict.REJECT else PlcAction.PASSED
            self._journal.complete(
                Closed(decision, decision.verdict, decision.reason, time.monotonic_ns(), action, in_time=True)
            )
        self._journal.run(lambda _: None, within_s=WAIT_MS / 1000)
        return waited_ms

    def _timed_publish(self, message: ResultMessage, closed: Closed | None) -> None:
        begun_ns = time.monotonic_ns()
        self._publisher.publish(message, closed)
        self.publish_ms.append((time.monotonic_ns() - begun_ns) / 1e6)


def _decision(seq: int) -> Decision:
    """As a station makes them: what was seen is in it."""
    now_ns = time.monotonic_ns()
    trigger = Trigger(seq % 65_535 + 1, seq, 7, now_ns, now_ns, now_ns + 400_000_000, now_ns, job=1)
    rejected = seq % REJECT_EVERY == 0
    verdict, reason = (Verdict.REJECT, Reason.DEFECT) if rejected else (Verdict.PASS, Reason.OK)
    defects = (Defect("crack", 0.9, 1.2, 3.4, 5.6, 7.8, True),) * 2 if rejected else ()
    peaks = {"blowhole": 0.021, "break": 0.013, "crack": 0.9 if rejected else 0.101, "fray": 0.002, "uneven": 0.044}
    judgement = Judgement(verdict, reason, defects, peak_scores=peaks, margin=0.4)
    stages_ms = {"grab": 12.345, "segment": 9.012, "run": 8.234, "judge": 0.251}
    return Decision(trigger, verdict, reason, now_ns, evidence=Inspection(trigger, judgement, stages_ms, now_ns))
