"""Two orders that the PLC holds until the agent has read them: CLEAR_FAULT and JOB_SELECT. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.plc.register_map import AGENT_BLOCK, MAX_SEQ, Status

CLEAR_LIMIT_MS = 5_000
HALF_WRAP = 32_768


def has_read(agent: list[int], heartbeat: int) -> bool:
    """Was this block filled after the agent had read what was published with PLC_HB = `heartbeat`?"""
    return (AGENT_BLOCK.get(agent, "PLC_HB_ECHO") - heartbeat) & MAX_SEQ < HALF_WRAP


@dataclass
class ClearFault:
    """CLEAR_FAULT: one press is latched until the agent has read it and its STOP_REQUEST has fallen.

    A button that sticks is one press. Our own stop ends the latch: what it clears was there when it was pressed.
    """

    on: bool = False
    _was: bool = False
    _heartbeat: int = 0
    _pressed_ms: int = 0

    def watch(self, pressed: bool, now_ms: int, heartbeat: int) -> None:
        """Latch a press; `heartbeat` is the one that will be published with it."""
        if pressed and not self._was and not self.on:
            self.on, self._heartbeat, self._pressed_ms = True, heartbeat, now_ms
        self._was = pressed

    def end(self, agent: list[int], now_ms: int) -> None:
        """Let go when it is done, or will not be."""
        stands = Status(AGENT_BLOCK.get(agent, "STATUS")) & Status.STOP_REQUEST
        done = has_read(agent, self._heartbeat) and not stands
        if done or now_ms - self._pressed_ms > CLEAR_LIMIT_MS:
            self.on = False


@dataclass
class JobSelect:
    """JOB_SELECT: no part may come until the agent has read it and JOB_CURRENT is what it asks for."""

    pending: bool = False
    _job: int = 0
    _heartbeat: int = 0
    _unread: bool = False

    def watch(self, job: int, agent: list[int], ready: bool, heartbeat: int) -> None:
        """`heartbeat` is the one that will be published with it; one that nobody read for long could wrap."""
        if job != self._job or (self._unread and not ready):
            self._job, self._heartbeat, self._unread = job, heartbeat, True
        elif has_read(agent, self._heartbeat):
            self._unread = False
        self.pending = self._unread or job not in (0, AGENT_BLOCK.get(agent, "JOB_CURRENT"))
