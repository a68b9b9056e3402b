"""What is counted part by part for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from agent.inspection import STAGES
from agent.messages import ResultMessage

BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class PartMetrics:
    """All of them exist from the start, at 0: a rate over a counter that has just appeared misses its first part."""

    def __init__(self, registry: CollectorRegistry, classes: Sequence[str]) -> None:
        self._parts = Counter(
            "linegate_parts_total",
            "Parts by verdict and reason; counts: yes, or challenge or bypass, which are out of yield.",
            ["verdict", "reason", "counts"],
            registry=registry,
        )
        for verdict, reason in (("pass", "ok"), ("reject", "defect"), ("no_decision", "frame_timeout")):
            self._parts.labels(verdict, reason, "yes")
        self._gaps = Counter(
            "linegate_gaps_total", "Times of which it is not known how many parts passed.", registry=registry
        )
        self._defects = Counter(
            "linegate_defects_total",
            "Regions that met every limit of their class's rule.",
            ["class"],
            registry=registry,
        )
        self._late = Counter(
            "linegate_late_verdicts_total", "Verdicts that the PLC acknowledged after the deadline.", registry=registry
        )
        self._actions = Counter(
            "linegate_plc_actions_total", "What the PLC says it did with the part.", ["action"], registry=registry
        )
        self._stages = Histogram(
            "linegate_stage_seconds",
            "grab: trigger to photo; segment: with run, the model alone; judge; write: verdict to the PLC's "
            "acknowledgement; total: photo-eye to there.",
            ["stage"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        for stage in STAGES:
            self._stages.labels(stage)
        for name in classes:
            self._defects.labels(name)

    def count(self, message: ResultMessage) -> None:
        """One completed row."""
        if message.standing == "gap":
            self._gaps.inc()
            return
        counts = "yes" if message.standing == "counts" else message.standing
        self._parts.labels(message.verdict, message.reason, counts).inc()
        self._actions.labels(message.plc_action).inc()
        if message.in_time is False:
            self._late.inc()
        for defect in message.counting:
            self._defects.labels(defect.name).inc()
        for stage, latency_ms in message.latencies_ms.items():
            self._stages.labels(stage).observe(latency_ms / 1000)
