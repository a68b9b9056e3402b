"""The link that a station without a PLC asks for, and who announces its parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from agent.camera_config import Mode
from agent.cameras import Camera
from agent.cameras.stream import StreamCamera
from agent.config import Config
from agent.errors import Fault
from agent.health import Health
from agent.inspection import Trigger
from agent.journal.journal import Journal
from agent.link import Link
from agent.operator_orders import OperatorOrders
from agent.standalone.link import StandaloneLink
from agent.standalone.timer import Timer

log = logging.getLogger(__name__)


@contextmanager
def standalone(
    config: Config, agent_epoch: int, jobs: Sequence[int], camera: Camera, journal: Journal, health: Health
) -> Iterator[StandaloneLink]:
    """The link, its threads running; on leaving they end, and every part has its decision. `jobs`: its own first."""
    trigger, orders = config.trigger, OperatorOrders(config.station.state_dir, jobs)
    log.warning("no PLC: verdicts go to subscribers and journal alone, and nothing here moves a reject arm")
    stream = camera if isinstance(camera, StreamCamera) else None
    with ExitStack() as opened:
        blind = stream.blind if stream else str
        link = StandaloneLink(agent_epoch, jobs[0], trigger.deadline_ms, journal, health, blind, orders)
        opened.callback(link.close)
        if stream:
            stream.announce_to(link)
        if trigger.period_ms is not None:
            opened.callback(Timer(trigger.period_ms, link.announce).close)
        yield link


def asking(mode: Mode, link: Link) -> Callable[[], Trigger]:
    """What the command `trigger` does: announces a part where somebody is to ask for it, and is refused elsewhere."""
    if isinstance(link, StandaloneLink) and mode == "software":
        return link.ask

    def refused() -> Trigger:
        raise Fault(f"trigger.mode = '{mode}': parts are asked for with trigger.mode = 'software' only")

    return refused
