"""The person at the PLC during an acceptance run: told what to do, and watched for its effect in the registers."""

from __future__ import annotations

import re
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from agent.errors import UsageError
from agent.plc.commissioning.accept_record import Record
from agent.plc.commissioning.accept_result import Counts, Skipped

HANDS_S = 120.0
LOOK_S = 0.1


@dataclass
class Operator:
    """Nobody is there when `unattended`."""

    record: Record
    console: Console
    unattended: bool
    given_counts: Counts | None = None
    _keyboard: bool = True

    def ask(self, what: str, met: Callable[[], bool]) -> None:
        """Say what to do, and return once it is to be seen. Skipped: Enter, nobody there, or not within HANDS_S."""
        if self.record.wait(met, LOOK_S):
            return
        if self.unattended:
            raise Skipped(f"needs an operator: {what}")
        self._say(f"{what}  (Enter = leave out)")
        end_s = time.monotonic() + HANDS_S
        while not self.record.wait(met, LOOK_S):
            if time.monotonic() > end_s:
                raise Skipped(f"not done within {HANDS_S:.0f} s: {what}")
            if self._line(0.0) is not None:
                raise Skipped(f"left out by the operator: {what}")

    def counts(self) -> Counts | None:
        """The PLC's own counters, as given or typed in."""
        if self.given_counts or self.unattended or not self._keyboard:
            return self.given_counts
        self._say("type the PLC's counters since READY: passed,rejected,no decision  (Enter = none)")
        while (text := self._line(HANDS_S)) and text.strip():
            try:
                return parse_counts(text)
            except UsageError as error:
                self._say(str(error))
        return None

    def _say(self, what: str) -> None:
        self.console.print(f"[bold yellow]▶ at the PLC:[/] {what}")

    def _line(self, wait_s: float) -> str | None:
        """What was typed, None while nothing was."""
        if not self._keyboard or not select.select([sys.stdin], [], [], wait_s)[0]:
            return None
        line = sys.stdin.readline()
        self._keyboard = bool(line)
        return line or None


def parse_counts(text: str) -> Counts:
    """`passed,rejected,no decision`. Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    if not found:
        raise UsageError(f"PLC counts '{text.strip()}': give passed,rejected,no_decision, as in 30,12,8")
    passed, rejected, no_decision = map(int, found.groups())
    return passed, rejected, no_decision
