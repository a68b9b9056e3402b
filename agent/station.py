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
from agent.arenas import share_arenas
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
from agent.inspector import Inspector
from agent.link import Link
from agent.model.changeover import Changeover
from agent.model.choice import choose_model
from agent.model.store import ModelStore
from agent.monitor.pulse import Pulse
from agent.plc.decision import Decision
from agent.plc.facts import Facts
from agent.plc.open_link import open_link
from agent.realtime import lock_memory, prefer
from agent.records import Records
from agent.results.clients import load_access
from agent.segmenter import Segmenter
from agent.service import Watchdog, exit_when_a_thread_dies, notify, reload_on_hangup
from agent.setup import Setup
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

    def __init__(self, camera: Camera, succession: Succession, view: View, inspector_of: Callable[[Trigger], Inspector],
                 link: Link, stages: Stages) -> None:  # fmt: skip
        self._camera, self._view, self._inspector_of = camera, view, inspector_of
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
        with self._stages.grab.busy(), seen.timed("grab"):
            seen.frame = self._camera.grab(trigger)
            self._link.exposed(trigger)
            self._succession.check(seen.frame)
            seen.frame = frame = self._view.of(seen.frame)
            inspector = self._inspector_of(trigger)
            job = inspector.jobs[trigger.job]
            seen.frame_stats = check_frame(frame, job.recipe.frame)
        with self._stages.segment.busy(), seen.timed("segment"):
            segmentation = inspector.model.segment(frame.image)
        seen.stages_ms["run"] = segmentation.run_ms
        with seen.timed("judge"):
            judgement = job.judge.judge(segmentation)
        mask = partial(job.judge.mask, segmentation, *frame.image.shape[:2])
        return seen.decision(trigger, judgement, mask=mask)


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
    share_arenas()
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
    opened.enter_context(state_dir_alone(config.station.state_dir))
    view, store = open_view(config), ModelStore(config.station.state_dir, config.model.path)
    with waiting.opening("the model", MODEL_LIMIT_S):
        changeover = Changeover(config, view, store, choose_model(store, config.model.path))
    opened.push(changeover.ended)
    first = changeover.in_force.now
    load_access(config.publisher)  # bad keys keep it down before it waits for anything
    epoch = next_agent_epoch(config.station.state_dir)
    log.info("model %s on %s: self-test passed", first.segmenter.sha256[:12], first.segmenter.provider)

    camera = open_camera(config.camera, config.trigger, view, waiting.say, stop, recorder)
    if camera is None:
        return None
    opened.callback(camera.close)
    identity = Identity(config.station.line, config.station.name, epoch, first.setup, camera.simulated,
                        config.reject.fail_open)  # fmt: skip
    records = Records(config, identity, opened)
    stages = open_stages(config)
    link: Link
    if config.has_plc:
        facts = Facts(first.setup, identity.simulated, config.reject.fail_open)
        link = open_link(config, epoch, facts, records.journal, stages.health, camera, records.raised)
        opened.closes(link)
        prefer("plc-link", config.realtime)
    else:
        link = open_standalone(config, epoch, first.setup, camera, records.journal, stages.health, records.raised,
                               opened)  # fmt: skip

    def announce(setup: Setup) -> None:
        link.change_setup(setup)
        identity.setup = setup

    records.journal.on_completed(changeover.allowance.heard)
    changeover.begin(announce, partial(allow_segment, stages), records.journal.record, records.raised)
    opened.closes(changeover)
    records.serve(link, changeover.install)
    link.wait_for_triggers(waiting.say, stop)
    reload_on_hangup(changeover.reload)  # which ends with READY=1
    station = Station(camera, Succession(ordered_size(config.camera)), view, changeover.in_force.of, link, stages)
    return station, link, records.pulse


def open_stages(config: Config) -> Stages:
    """How long each stage may take before it counts as hung."""
    return Stages.of(config.trigger.frame_timeout_ms + config.trigger.capture_window_ms, SEGMENT_BUDGET_MS)


def allow_segment(stages: Stages, segmenter: Segmenter) -> None:
    """From now on the model is this one: it may take as long as the frame has patches."""
    segmenter.on_plan(lambda expected_ms: stages.allow_segment(max(SEGMENT_BUDGET_MS, SEGMENT_MARGIN * expected_ms)))
