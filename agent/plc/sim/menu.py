"""What each command of the simulator's menu does to the line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from agent.plc.sim.commands import COMMANDS, MENU
from agent.plc.sim.console import BadCommand, Order, listen, parse
from agent.plc.sim.faults import FOREVER_S
from agent.plc.sim.simulator import SimulatedLine
from agent.plc.sim.status import status

log = logging.getLogger(__name__)


class Menu:
    """Obeys orders in the event loop of the line."""

    def __init__(self, line: SimulatedLine, say: Callable[[str], None]) -> None:
        self._line, self._say = line, say

    def listen(self) -> None:
        """Take lines from stdin from now on."""
        loop = asyncio.get_running_loop()

        def take(typed: str) -> None:
            loop.call_soon_threadsafe(self.type, typed)

        listen(take)

    def type(self, typed: str) -> None:
        """Obey a line, or say why not."""
        try:
            order = parse(typed, COMMANDS)
            if order is not None:
                self.obey(order)
        except BadCommand as error:
            self._say(f"error: {error}")

    async def follow(self, script: list[tuple[float, Order]]) -> None:
        """Obey each order at its time, counted from the belt's start."""
        for after_s, order in script:
            while self._line.started_s is None or time.monotonic() < self._line.started_s + after_s:
                await asyncio.sleep(0.005)
            try:
                self.obey(order)
            except BadCommand as error:
                self._say(f"error: script at {after_s:g} s: {error}")

    def obey(self, order: Order) -> None:
        """Do it now; raises BadCommand when there is nothing to do it to."""
        if order.name not in ("status", "help"):
            log.info("menu: %s", " ".join((order.name, *map(str, order.values))))
        work = getattr(self, "_" + order.name.replace("-", "_"))(*order.values)
        if work is not None:
            self._line.spawn(work)

    # --- the PLC -------------------------------------------------------------------------------------------------

    def _restart(self, memory: str = "") -> Coroutine[Any, Any, None]:
        return self._line.power_cycle(keep_memory=memory == "keep")

    def _epoch(self) -> None:
        self._line.new_epoch()

    def _freeze(self, ms: int) -> None:
        time.sleep(ms / 1000)  # program and server share this thread; photo-eye and camera do not

    def _stall(self, ms: int) -> None:
        self._line.faults.stalled_until_s = time.monotonic() + ms / 1000

    def _slow(self, ms: int, for_ms: float = FOREVER_S) -> None:
        self._line.faults.slow_ms, self._line.faults.slow_until_s = ms, time.monotonic() + for_ms / 1000

    def _torn(self, scans: int) -> None:
        self._line.faults.torn_left = scans

    def _wrong(self, kind: str, answers: int = 1) -> None:
        wire = self._line.options.wire
        if wire.role == "client":
            raise BadCommand("wrong: this PLC is the client, it gives no answers")
        if kind == "tid" and wire.line is not None:
            raise BadCommand("wrong tid: Modbus RTU has no transaction ids")
        self._line.faults.wrong, self._line.faults.wrong_left = kind, answers

    def _drop(self) -> Coroutine[Any, Any, None]:
        return self._line.wire.drop()

    # --- the belt ------------------------------------------------------------------------------------------------

    def _speed(self, mm_s: float) -> None:
        self._drive(mm_s)

    def _stop(self) -> None:
        self._drive(0.0)

    def _go(self) -> None:
        self._drive(None)

    def _drive(self, mm_s: float | None) -> None:
        self._line.control.fail(time.monotonic(), mm_s)
        self._line.eye.wake()

    def _lose(self) -> None:
        part_id = self._line.take_off()
        if part_id is None:
            raise BadCommand("lose: no part lies between photo-eye and arm now")
        self._say(f"part {part_id} is taken off the belt")

    def _ghost(self) -> None:
        self._line.eye.fire_without_part()

    def _bounce(self) -> None:
        self._line.eye.bounce()

    def _flash(self) -> None:
        self._line.eye.flash()

    def _unseen(self) -> None:
        self._line.eye.miss_one()

    def _jam(self, ms: int) -> None:
        self._line.reject.arm.jammed_until_s = time.monotonic() + ms / 1000

    def _blind(self, ms: int) -> None:
        self._line.reject.arm.blind_until_s = time.monotonic() + ms / 1000

    def _challenge(self) -> None:
        part_id = self._line.belt.lay_test_piece(self._line.eye.next_index)
        if part_id is None:
            raise BadCommand("challenge: no part comes any more in whose place the test piece could be laid")
        self._say(f"part {part_id} is a test piece")

    # --- the panel -----------------------------------------------------------------------------------------------

    def _offline(self, state: str) -> None:
        self._line.operator.panel.set_offline = state == "on"

    def _bypass(self, state: str, key: str = "") -> None:
        if state == "on" and not key:
            raise BadCommand("BYPASS is keyed: bypass on key")
        self._line.operator.panel.bypass = state == "on"

    def _reject_all(self, state: str) -> None:
        self._line.operator.panel.reject_all = state == "on"

    def _job(self, number: int) -> None:
        self._line.operator.panel.job = number

    def _command(self, number: int, argument: int = 0) -> None:
        panel = self._line.operator.panel
        panel.command, panel.command_arg, panel.command_seq = number, argument, (panel.command_seq + 1) & 0xFFFF

    def _clear(self) -> None:
        self._line.operator.press(time.monotonic())

    # --- the console ---------------------------------------------------------------------------------------------

    def _status(self) -> None:
        self._say(status(self._line))

    def _help(self) -> None:
        self._say(MENU)

    def _quit(self) -> None:
        self._line.quit()
