"""The model on this device: provider, self-test, run time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from agent.doctor.looking import NotKnown, answer, looked
from agent.doctor.placement import judge_placement, node_placement
from agent.doctor.subject import Subject
from agent.errors import ConfigError
from agent.finding import Finding, doubtful, right, unknown, wrong
from agent.journal.history import reading
from agent.model.store import ModelStore, Unseen
from agent.segmenter import Segmenter

RUNS_S = 1.0
LEAST_RUNS, MOST_RUNS = 30, 300
"""So many say what 99 of 100 take, without the doctor taking long for a slow model."""
NAMED = {
    "start": re.compile("model ([0-9a-f]{12})"),
    "swapped": re.compile("^([0-9a-f]{12})"),
    "rolled_back": re.compile("→ ([0-9a-f]{12})"),
}
"""Where each of these events names the model that is in use from then on."""
SHARE_OF_PITCH = 0.5
"""Of the time between two parts: photo, judgement and PLC need the rest."""


def examine_model(subject: Subject) -> Iterator[Finding]:
    """Left out while the station runs: it has tested itself, and a second model would take its processor or GPU."""
    if subject.running:
        yield unknown("model", "skipped: the station runs, and has tested its model at its start: see station")
        yield looked("in use", lambda: _check_in_use(subject.config.station.journal))
        return
    wanted = subject.config.model
    try:
        path = ModelStore(subject.config.station.state_dir, wanted.path).in_use()
        segmenter = Segmenter(path, wanted.provider, wanted.threads, wanted.tiling)
    except Unseen as error:
        yield unknown("model", f"not known: {error}")
        return
    except ConfigError as error:
        yield wrong("model", str(error), "nothing of the model can be looked at before that is mended")
        return
    yield right("provider", f"{segmenter.provider} is active, model {segmenter.sha256[:12]}")
    yield looked("nodes", lambda: judge_placement(wanted.provider, node_placement(path, wanted.provider)))
    try:
        segmenter.self_test()
    except ConfigError as error:
        yield wrong("self-test", str(error), "do not run the station on this device")
        return
    yield right("self-test", f"{len(segmenter.contract.golden)} golden samples within tolerance")
    yield _check_run_time(subject, segmenter)
    yield _check_threads(subject) if wanted.provider == "cpu" else looked("GPU", _check_gpu)


def _check_in_use(journal: Path) -> Finding:
    """What the running station inspects by: the newest start or swap tells of it."""
    try:
        with reading(journal) as db:
            newest = db.execute(
                "SELECT utc, what, detail FROM events WHERE kind = 'start' OR (kind = 'model' AND what IN "
                "('swapped', 'rolled_back')) ORDER BY event_id DESC LIMIT 1"
            ).fetchone()
    except ConfigError as error:
        raise NotKnown(str(error)) from error
    named = NAMED[newest["what"]].search(newest["detail"]) if newest else None
    if named is None:
        raise NotKnown("the journal tells of no start")
    return right("in use", f"{named[1]} since {newest['utc'][:19]} UTC ({newest['what'].replace('_', ' ')})")


def _check_run_time(subject: Subject, segmenter: Segmenter) -> Finding:
    """The median and p99 of single runs, one after the other as on the line."""
    images, times_ms = segmenter.golden_images(), list[float]()
    end_s = time.monotonic() + RUNS_S
    while len(times_ms) < LEAST_RUNS or (time.monotonic() < end_s and len(times_ms) < MOST_RUNS):
        times_ms.append(segmenter.segment(images[len(times_ms) % len(images)]).run_ms)
    spread = subject.note("model_run_ms", times_ms)
    assert spread is not None
    pitch_ms = subject.config.trigger.min_pitch_ms
    seen = f"{spread}; trigger.min_pitch_ms = {pitch_ms:g}"
    if subject.config.model.tiling:
        seen += "; golden samples, not whole tiled frames: see linegate check"
    faster = "use a smaller model or view, a GPU, or space the parts out"
    if spread.p99 > pitch_ms:
        return wrong("run time", seen, f"parts come faster than the model runs: {faster}")
    if spread.p99 > SHARE_OF_PITCH * pitch_ms:
        return doubtful("run time", seen, f"more than half of the time between two parts: {faster}")
    return right("run time", seen)


def _check_threads(subject: Subject) -> Finding:
    usable, threads = len(os.sched_getaffinity(0)), subject.config.model.threads
    seen = f"model.threads = {threads} on {usable} processors that may be used"
    if threads > usable:
        return doubtful("threads", seen, "threads that share a processor wait for each other: set model.threads lower")
    return right("threads", seen)


GPU_FIELDS = ("name", "driver_version", "memory.used", "memory.total", "temperature.gpu", "persistence_mode")
FULL_SHARE = 0.9
"""Of the GPU's memory: what a run asks for besides then fails."""


def _check_gpu() -> Finding:
    line = answer("nvidia-smi", f"--query-gpu={','.join(GPU_FIELDS)}", "--format=csv,noheader,nounits").splitlines()[0]
    name, driver, used_mb, total_mb, celsius, persistence = (field.strip() for field in line.split(","))
    seen = f"{name}, driver {driver}, {used_mb} of {total_mb} MiB used, {celsius} °C, persistence {persistence}"
    if float(used_mb) > FULL_SHARE * float(total_mb):
        return doubtful("GPU", seen, "another program holds its memory: nvidia-smi shows which")
    if persistence == "Disabled":
        return doubtful("GPU", seen, "the driver unloads between two starts: enable nvidia-persistenced")
    return right("GPU", seen)
