"""What is read at each scrape for Prometheus: the newest pulse, drift, disk."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.monitor.drift import Drift
from agent.monitor.pulse import Pulse
from agent.plc.register_map import Alarm, Status

NOW = ("rows_waiting", "live_waiting", "archive_waiting", "drift_learning_parts")
"""Numbers of the pulse's upkeep that are of now; the others count since the start."""
STANDALONE = "STANDALONE"


class StationMetrics(Collector):
    """`folders` by what lies there; `journal`: its file."""

    def __init__(self, pulse: Pulse, drift: Drift, folders: Mapping[str, Path], journal: Path) -> None:
        self._pulse, self._watch, self._folders, self._journal = pulse, drift, folders, journal

    def collect(self) -> Iterator[Metric]:
        """In the endpoint's thread."""
        yield from self._link()
        yield from self._upkeep()
        yield from self._drift()
        yield from self._disk()

    def _link(self) -> Iterator[Metric]:
        told = self._pulse.situation
        yield _gauge("ready", "1 = parts are inspected.", "READY" in told.status)
        if told.status and STANDALONE not in told.status:
            up = told.write_gap_ms > 0
            yield _gauge("plc_up", "1 = the PLC has confirmed a write within the newest pulse.", up)
            gap_s = told.write_gap_ms / 1000
            yield _gauge("plc_write_gap_seconds", "Longest time between two confirmed writes in that second.", gap_s)
            yield _counter("plc_torn_reads", "Reads of the PLC's block that were discarded.", told.torn_reads)
        status = GaugeMetricFamily("linegate_plc_status", "Bits that stand in STATUS.", labels=["bit"])
        for bit in Status:
            status.add_metric([str(bit.name)], float(str(bit.name) in told.status))
        yield status
        alarms = GaugeMetricFamily("linegate_alarm", "Alarms that nobody has cleared yet.", labels=["alarm"])
        for alarm in Alarm:
            alarms.add_metric([str(alarm.name)], float(str(alarm.name) in told.alarms))
        yield alarms
        unsolicited = told.unsolicited_frames
        yield _counter("camera_unsolicited_frames", "Frames that belong to no part.", unsolicited)
        age_s = time.monotonic() - self._pulse.taken_s
        yield _gauge("pulse_age_seconds", "Since all that is said of link, alarms and queues was true.", age_s)

    def _upkeep(self) -> Iterator[Metric]:
        trouble = GaugeMetricFamily("linegate_trouble", "1 = this gets on badly; the pulse says why.", labels=["what"])
        for name, value in self._pulse.upkeep:
            about = f"{name} of the pulse's upkeep: docs/results.md."
            if isinstance(value, int):
                yield _gauge(name, about, value) if name in NOW else _counter(name, about, value)
            elif name.endswith("_trouble"):
                trouble.add_metric([name.removesuffix("_trouble")], float(bool(value)))
        yield trouble
        yield _gauge(
            "paused", "1 = an operator has taken the station out of service.", self._pulse.upkeep.paused_by != ""
        )

    def _drift(self) -> Iterator[Metric]:
        value = GaugeMetricFamily("linegate_drift_value", "Mean of the newest whole window.", labels=["figure"])
        usual = GaugeMetricFamily("linegate_drift_usual", "Mean of the first parts.", labels=["figure"])
        low = GaugeMetricFamily("linegate_drift_low", "Lower limit.", labels=["figure"])
        high = GaugeMetricFamily("linegate_drift_high", "Upper limit.", labels=["figure"])
        out = GaugeMetricFamily("linegate_drift_out", "1 = the figure has left its limits.", labels=["figure"])
        for figure in self._watch.figures:
            if figure.now is not None:
                value.add_metric([figure.name], figure.now)
            usual.add_metric([figure.name], figure.usual)
            low.add_metric([figure.name], figure.low)
            high.add_metric([figure.name], figure.high)
            out.add_metric([figure.name], float(figure.out is not None))
        yield from (value, usual, low, high, out)

    def _disk(self) -> Iterator[Metric]:
        free = GaugeMetricFamily("linegate_disk_free_bytes", "On the disk of this folder.", labels=["folder"])
        for name, folder in self._folders.items():
            try:
                found = os.statvfs(folder)
            except OSError:
                continue  # not there yet, or its disk is gone: no figure is no room
            free.add_metric([name], found.f_bavail * found.f_frsize)
        yield free
        nbytes = sum(_size(Path(f"{self._journal}{ending}")) for ending in ("", "-wal"))
        yield _gauge("journal_bytes", "The journal's file and its log.", nbytes)
        yield _gauge("threads", "Of this process, those of its libraries too.", len(os.listdir("/proc/self/task")))


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"linegate_{name}", about, value=float(value))


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"linegate_{name}", about, value=float(value))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
