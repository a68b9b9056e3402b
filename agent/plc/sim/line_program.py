"""What a line adds to the PLC's half of the handshake: it holds the belt, and the arm may be moved by coils. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.plc.register_map import OutcomeCode
from agent.plc.sim.program import PlcProgram, QueuedPart


@dataclass
class LineProgram(PlcProgram):
    """The program of the simulated line."""

    let_pass: Callable[[QueuedPart], bool] | None = None
    """The station moves the arm by coils: did it let this part pass? None: the program moves the arm."""

    @property
    def agent_moved_ms(self) -> int:
        """When the agent's heartbeat last moved, by the scan's clock."""
        return self._agent_moved_ms

    @property
    def holds_belt(self) -> bool:
        """Must the belt stand? An agent that is down does not stop it: its parts are rejected (see stop_after)."""
        return self.stopped or self._job_select.pending

    def _overrule(self, part: QueuedPart, late: bool) -> None:
        """With an arm moved by coils the outcome is what the arm did, whatever verdict was copied."""
        super()._overrule(part, late)
        if self.let_pass is None:
            return
        if self.let_pass(part):
            part.outcome = OutcomeCode.PASSED
            if part.challenge:
                self._stop()
        elif part.outcome is OutcomeCode.PASSED:
            part.outcome = OutcomeCode.REJECTED
