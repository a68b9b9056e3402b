"""A station's start and end: everything is opened and checked in order, the loop runs, all is closed in reverse."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Collection
from contextlib import closing
from functools import partial
from pathlib import Path

from agent.agent_epoch import next_agent_epoch, state_dir_alone
from agent.cameras.open_camera import open_camera, ordered_size
from agent.cameras.recorder import Recorder
from agent.config import Config
from agent.ending import Ending
from agent.frame_check import Succession
from agent.health import Stages
from agent.identity import Identity
from agent.link import Link
from agent.memory import share_arenas
from agent.model.changeover import Changeover
from agent.model.choice import choose_model
from agent.model.store import ModelStore
from agent.monitor.pulse import Pulse
from agent.plc.facts import Facts
from agent.plc.open_link import open_link
from agent.realtime import SWITCH_INTERVAL_S, lock_memory, prefer
from agent.records import BEFORE_ROWS_S, Records
from agent.results.clients import load_access
from agent.segmenter import Segmenter
from agent.service import Watchdog, exit_when_a_thread_dies, notify, reload_on_hangup
from agent.setup import Setup
from agent.standalone.open_standalone import open_standalone
from agent.standing import MODEL_LIMIT_S, Standing, Waiting
from agent.station import Station
from agent.view import open_view

log = logging.getLogger(__name__)

SEGMENT_BUDGET_MS = 250.0
"""At least; a tiled frame has SEGMENT_MARGIN times what its patches take by the self-test."""
SEGMENT_MARGIN = 4.0


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
    opened.push(changeover.ended)
    opened.closes(changeover, BEFORE_ROWS_S)  # after the link: with nobody to inspect, the PLC must not see READY
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

    def announce(setup: Setup) -> Collection[Setup | None]:
        waited_for = link.change_setup(setup)
        identity.setup = setup
        return waited_for

    records.journal.on_completed(changeover.allowance.heard)
    changeover.begin(announce, partial(allow_segment, stages), records.journal.record, records.raised)
    records.serve(link, changeover.install)
    link.wait_for_triggers(waiting.say, stop)
    changeover.parts_come()
    reload_on_hangup(changeover.reload)  # which ends with READY=1
    station = Station(camera, Succession(ordered_size(config.camera)), view, changeover.in_force.of, link, stages)
    return station, link, records.pulse


def open_stages(config: Config) -> Stages:
    """How long each stage may take before it counts as hung."""
    return Stages.of(config.trigger.frame_timeout_ms + config.trigger.capture_window_ms, SEGMENT_BUDGET_MS)


def allow_segment(stages: Stages, segmenter: Segmenter) -> None:
    """From now on the model is this one: it may take as long as the frame has patches."""
    segmenter.on_plan(lambda expected_ms: stages.allow_segment(max(SEGMENT_BUDGET_MS, SEGMENT_MARGIN * expected_ms)))
