"""The link that a station without a PLC asks for, and who announces its parts."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.camera_config import Mode
from agent.cameras import Camera
from agent.cameras.stream import StreamCamera
from agent.config import Config
from agent.ending import Ending
from agent.errors import Fault
from agent.health import Health
from agent.inspection import Trigger
from agent.journal.journal import Journal
from agent.link import Link
from agent.operator_orders import OperatorOrders
from agent.raised import Raised
from agent.setup import Setup
from agent.standalone.link import StandaloneLink
from agent.standalone.timer import Timer

log = logging.getLogger(__name__)


def open_standalone(config: Config, agent_epoch: int, setup: Setup, camera: Camera, journal: Journal,
                    health: Health, raised: Raised, opened: Ending) -> StandaloneLink:  # fmt: skip
    """The link, its threads running until `opened` is closed; each part has its decision."""
    jobs = list(setup.recipes)
    trigger, orders = config.trigger, OperatorOrders(config.station.state_dir, jobs)
    log.warning("no PLC: verdicts go to subscribers and journal alone, and nothing here moves a reject arm")
    stream = camera if isinstance(camera, StreamCamera) else None
    blind = stream.blind if stream else str
    link = StandaloneLink(agent_epoch, jobs[0], trigger.deadline_ms, journal, health, blind, orders, raised)
    link.change_setup(setup)
    opened.closes(link)
    if stream:
        stream.announce_to(link)
    if trigger.period_ms is not None:
        opened.closes(Timer(trigger.period_ms, link.announce))
    return link


def asking(mode: Mode, link: Link) -> Callable[[], Trigger]:
    """What the command `trigger` does: announces a part where somebody is to ask for it, and is refused elsewhere."""
    if isinstance(link, StandaloneLink) and mode == "software":
        return link.ask

    def refused() -> Trigger:
        raise Fault(f"trigger.mode = '{mode}': parts are asked for with trigger.mode = 'software' only")

    return refused
