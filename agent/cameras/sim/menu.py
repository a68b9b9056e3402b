"""The camera simulator's menu: what goes wrong, as a table, and what each of its commands does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent.cameras.sim.camera import POWER_UP_S, GigeCamera
from agent.cameras.sim.commands import COMMANDS, MENU
from agent.cameras.sim.faults import FAULTS
from agent.plc.sim.console import BadCommand, Order, listen, parse

log = logging.getLogger(__name__)


class CameraMenu:
    """Obeys orders in the event loop of the camera."""

    def __init__(self, camera: GigeCamera, say: Callable[[str], None], end: Callable[[], object]) -> None:
        self._camera, self._say, self._end = camera, say, end

    def listen(self) -> None:
        """Take lines from stdin from now on."""
        loop = asyncio.get_running_loop()

        def take(typed: str) -> None:
            loop.call_soon_threadsafe(self._type, typed)

        listen(take)

    def _type(self, typed: str) -> None:
        try:
            order = parse(typed, COMMANDS)
            if order is not None:
                self._obey(order)
        except BadCommand as error:
            self._say(f"error: {error}")

    def _obey(self, order: Order) -> None:
        numbers = [int(value) for value in order.values]
        if order.name in FAULTS:
            self._camera.faults.order(order.name, *numbers or [1])
        else:
            getattr(self, "_" + order.name)(*numbers)
        if order.name not in ("status", "help"):
            log.info("menu: %s", " ".join((order.name, *map(str, order.values))))

    def _mute(self, ms: int) -> None:
        self._camera.mute(ms / 1000)

    def _dead(self, ms: int) -> None:
        self._camera.unplug(ms / 1000)

    def _restart(self) -> None:
        self._camera.unplug(POWER_UP_S)
        self._camera.restart()

    def _clock(self, ms: int) -> None:
        self._camera.device.clock.started_ns -= ms * 1_000_000

    def _status(self) -> None:
        self._say("\n".join(self._camera.describe()))

    def _help(self) -> None:
        self._say(MENU)

    def _quit(self) -> None:
        self._end()
