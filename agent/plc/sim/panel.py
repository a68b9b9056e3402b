"""The operator of the simulated line. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.plc.sim.inputs import Panel

PRESSED_S = 0.2


@dataclass
class Operator:
    """Comes `after_s` after a stop and presses CLEAR_FAULT, again if it was in vain; 0: nobody comes."""

    panel: Panel
    after_s: float
    _pressed_s: float = 0.0
    _stopped_s: float | None = None

    def watch(self, now_s: float, stopped: bool) -> None:
        """Once a scan: press and let go."""
        if not stopped or self._stopped_s is None:
            self._stopped_s = now_s if stopped else None
        if self.panel.clear_fault:
            if now_s - self._pressed_s >= PRESSED_S:
                self.panel.clear_fault, self._stopped_s = False, None
        elif self.after_s > 0 and self._stopped_s is not None and now_s - self._stopped_s >= self.after_s:
            self.press(now_s)

    def press(self, now_s: float) -> None:
        """Press CLEAR_FAULT now."""
        self.panel.clear_fault, self._pressed_s = True, now_s
