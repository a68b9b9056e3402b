"""The inspection loop: trigger → frame → segment → judge → PLC. Open this file first.

Each part gets exactly one decision. "Could not inspect" is NO_DECISION; whatever is unexpected is NO_DECISION
and the end of the process, which systemd starts again clean.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agent.agent_epoch import next_agent_epoch, state_dir_alone
from agent.cameras import Camera
from agent.cameras.open_camera import open_camera, ordered_size
from agent.cameras.recorder import Recorder
from agent.config import Config
from agent.ending import Ending
from agent.errors import Fault, NoDecision
from agent.frame_check import Succession, check_frame
from agent.health import Stages
from agent.identity import Identity
from agent.inspection import Frame, FrameStats, Image, Inspection, Judgement, Reason, Trigger, Verdict
from agent.judge import Judge
from agent.link import Link
from agent.monitor.pulse import Pulse
from agent.plc.decision import Decision
from agent.plc.facts import Facts
from agent.plc.open_link import open_link
from agent.realtime import lock_memory, prefer
from agent.recipe import Recipe, load_recipes
from agent.records import Records
from agent.results.clients import load_access
from agent.segmenter import Segmenter
from agent.service import Watchdog, exit_when_a_thread_dies, notify
from agent.standalone.open_standalone import open_standalone
from agent.standing import MODEL_LIMIT_S, Standing, Waiting
from agent.view import View, open_view

log = logging.getLogger(__name__)

SEGMENT_BUDGET_MS = 250.0
"""At least; a tiled frame has SEGMENT_MARGIN times what its patches take by the self-test."""
SEGMENT_MARGIN = 4.0
SWITCH_INTERVAL_S = 0.0005
"""How long a busy thread may keep the interpreter from the PLC link; Python's default is ten times that."""


class Station:
    """The deadline path of one station; every part of it is open and checked."""

    def __init__(self, camera: Camera, succession: Succession, view: View, segmenter: Segmenter, jobs: dict[int, Job],
                 link: Link, stages: Stages) -> None:  # fmt: skip
        self._camera, self._view, self._segmenter, self._jobs = camera, view, segmenter, jobs
        self._succession, self._link, self._stages = succession, link, stages
        self.health = stages.health

    def run(self, stop: threading.Event) -> None:
        """Inspect part after part until `stop`. Raises Fault for whatever only a clean start can mend."""
        with self._stages.loop.busy():
            for trigger in self._link.triggers(stop):
                self._stages.loop.begin()
                self._inspect_one(trigger) if trigger else self._camera.check()

    def _inspect_one(self, trigger: Trigger) -> None:
        seen = SoFar()
        try:
            self._link.deliver(self._inspect(trigger, seen))
        except NoDecision as cause:
            self._link.deliver(no_decision(trigger, cause.reason, str(cause), seen))
        except Exception as error:  # the one fault boundary: no PASS, and a clean restart
            self._link.deliver(no_decision(trigger, _reason_of(error), str(error), seen))
            raise error if isinstance(error, Fault) else Fault(f"inspection failed: {error!r}") from error

    def _inspect(self, trigger: Trigger, seen: SoFar) -> Decision:
        job = self._jobs[trigger.job]
        with self._stages.grab.busy(), seen.timed("grab"):
            seen.frame = self._camera.grab(trigger)
            self._link.exposed(trigger)
            self._succession.check(seen.frame)
            seen.frame = frame = self._view.of(seen.frame)
            seen.frame_stats = check_frame(frame, job.recipe.frame)
        with self._stages.segment.busy(), seen.timed("segment"):
            segmentation = self._segmenter.segment(frame.image)
        seen.stages_ms["run"] = segmentation.run_ms
        with seen.timed("judge"):
            judgement = job.judge.judge(segmentation)
        mask = partial(job.judge.mask, segmentation, *frame.image.shape[:2])
        return seen.decision(trigger, judgement, mask=mask)


@dataclass(frozen=True)
class Job:
    """One recipe, ready to judge by: a part is judged by the job that was selected when it was announced."""

    recipe: Recipe
    judge: Judge


@dataclass
class SoFar:
    """What is known of one part while it is inspected, and how long each stage took."""

    stages_ms: dict[str, float] = field(default_factory=dict)
    frame: Frame | None = None
    frame_stats: FrameStats | None = None

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time what happens inside under `name`."""
        begun_ns = time.monotonic_ns()
        yield
        self.stages_ms[name] = (time.monotonic_ns() - begun_ns) / 1e6

    def decision(self, trigger: Trigger, judgement: Judgement, detail: str = "",
                 mask: Callable[[], Image] | None = None) -> Decision:  # fmt: skip
        """Settled now, on this evidence."""
        now_ns = time.monotonic_ns()
        evidence = Inspection(trigger, judgement, self.stages_ms, now_ns, self.frame, self.frame_stats, mask)
        return Decision(trigger, judgement.verdict, judgement.reason, now_ns, detail, evidence)


def no_decision(trigger: Trigger, reason: Reason, detail: str, seen: SoFar) -> Decision:
    """The decision for a part that could not be inspected; its photo, if there is one, shows why."""
    if seen.frame is not None and not seen.frame.whole:
        seen.frame = None  # there is nothing to look at, and nobody is to take it for a photo
    return seen.decision(trigger, Judgement(Verdict.NO_DECISION, reason), detail)


def _reason_of(error: Exception) -> Reason:
    return Reason.CAMERA_LOST if isinstance(error, Fault) else Reason.INFERENCE_ERROR


def run_station(config: Config, stop: threading.Event, record: Path | None = None) -> None:
    """Open everything in order, say READY, run the loop, close in reverse; raises ConfigError or Fault.

    `record`: a folder in which every frame of the camera is recorded; UsageError when it cannot be.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    exit_when_a_thread_dies()
    with Ending() as opened:
        recorder = opened.enter_context(closing(Recorder(record))) if record else None
        opened_station = open_station(config, stop, opened, recorder)
        if opened_station is None:
            return
        station, link, pulse = opened_station
        if stop.is_set():
            return
        gc.collect()
        gc.freeze()
        link.set_ready()
        standing = Standing(config.station, link, lambda: pulse.situation)
        standing.say()
        notify("READY=1")
        threads = {"link": link.progressing, "publisher": pulse.progressing}
        opened.closes(Watchdog(station.health, threads, standing.say))
        station.run(stop)
        notify("STOPPING=1")


def open_station(
    config: Config, stop: threading.Event, opened: Ending, recorder: Recorder | None
) -> tuple[Station, Link, Pulse] | None:
    """Model (self-tested), camera, journal, publisher, PLC; waits, visibly, for a camera or PLC that is not there.

    None: `stop` came while the camera was waited for.
    """
    lock_memory(config.realtime)
    waiting = Waiting()
    with waiting.opening("the model", MODEL_LIMIT_S):
        segmenter = Segmenter(config.model.path, config.model.provider, config.model.threads, config.model.tiling)
        segmenter.self_test()
    view = open_view(config)
    jobs = open_jobs(config, segmenter, view)
    load_access(config.publisher)  # bad keys keep it down before it waits for anything
    opened.enter_context(state_dir_alone(config.station.state_dir))
    epoch = next_agent_epoch(config.station.state_dir)
    log.info("model %s on %s: self-test passed", segmenter.sha256[:12], segmenter.provider)

    camera = open_camera(config.camera, config.trigger, view, waiting.say, stop, recorder)
    if camera is None:
        return None
    opened.callback(camera.close)
    recipes = {number: (job.recipe.name, job.recipe.sha256) for number, job in jobs.items()}
    identity = Identity(config.station.line, config.station.name, epoch, segmenter.sha256, recipes,
                        camera.simulated, config.reject.fail_open, segmenter.contract.classes,
                        segmenter.contract.precision)  # fmt: skip
    records = Records(config, identity, opened)
    stages = open_stages(config, segmenter)
    facts = Facts(
        {number: int(job.recipe.sha256[:4], 16) for number, job in jobs.items()},
        segmenter.contract.classes,
        int(segmenter.sha256[:4], 16),
        identity.simulated,
        config.reject.fail_open,
    )
    link: Link
    if config.has_plc:
        link = open_link(config, epoch, facts, records.journal, stages.health, camera, records.raised)
        opened.closes(link)
        prefer("plc-link", config.realtime)
    else:
        link = open_standalone(
            config, epoch, list(jobs), camera, records.journal, stages.health, records.raised, opened
        )
    records.serve(link)
    link.wait_for_triggers(waiting.say, stop)
    station = Station(camera, Succession(ordered_size(config.camera)), view, segmenter, jobs, link, stages)
    return station, link, records.pulse


def open_jobs(config: Config, segmenter: Segmenter, view: View) -> dict[int, Job]:
    """Every recipe of the station by its job number; the golden images have gone through each judge once."""
    calibration = view.calibration(config.calibration)
    jobs = {
        number: Job(recipe, Judge(recipe, calibration, segmenter.contract))
        for number, recipe in load_recipes(config.recipe, config.other_recipes).items()
    }
    for sample in segmenter.golden_images():  # the first part must not pay for OpenCV's first call
        segmentation = segmenter.segment(sample)
        for job in jobs.values():
            job.judge.judge(segmentation)
    return jobs


def open_stages(config: Config, segmenter: Segmenter) -> Stages:
    """How long each stage may take before it counts as hung: the model as long as the frame has patches."""
    stages = Stages.of(config.trigger.frame_timeout_ms + config.trigger.capture_window_ms, SEGMENT_BUDGET_MS)
    segmenter.on_plan(lambda expected_ms: stages.allow_segment(max(SEGMENT_BUDGET_MS, SEGMENT_MARGIN * expected_ms)))
    return stages
