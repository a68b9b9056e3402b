"""How the simulator is told what to do: a line typed, piped or from a script, checked against a table of commands."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import cast

from agent.errors import UsageError

Value = float | str


class BadCommand(Exception):
    """The line cannot be obeyed: what is wrong, and the right form."""


@dataclass(frozen=True)
class Argument:
    """One word behind the command: one of `words`, or a number from `least` to `most`."""

    name: str
    least: float = 0
    most: float = 0
    words: tuple[str, ...] = ()
    optional: bool = False
    whole: bool = True

    def __str__(self) -> str:
        shown = "|".join(self.words) if 0 < len(self.words) <= 2 else self.name
        return f"[{shown}]" if self.optional else shown

    def parse(self, text: str) -> Value:
        """Raises ValueError with what is allowed."""
        if self.words:
            if text in self.words:
                return text
            raise ValueError(f"must be {' or '.join(self.words)}")
        try:
            number = int(text) if self.whole else float(text)
        except ValueError:
            number = self.least - 1
        if not self.least <= number <= self.most:
            raise ValueError(f"must be {'a whole number' if self.whole else 'a number'} {self.least:g}…{self.most:g}")
        return number


@dataclass(frozen=True)
class Command:
    """A row of the menu."""

    name: str
    arguments: tuple[Argument, ...]
    does: str

    @property
    def form(self) -> str:
        """How it is written."""
        return " ".join((self.name, *map(str, self.arguments)))


@dataclass(frozen=True)
class Order:
    """A line that can be obeyed."""

    name: str
    values: tuple[Value, ...]


def parse(line: str, commands: Sequence[Command]) -> Order | None:
    """None for an empty line or a # comment. Raises BadCommand."""
    name, *words = line.partition("#")[0].split() or [""]
    if not name:
        return None
    command = next((command for command in commands if command.name == name), None)
    if command is None:
        raise BadCommand(f"unknown command '{name}': type 'help' for the menu")
    needed = sum(not argument.optional for argument in command.arguments)
    if not needed <= len(words) <= len(command.arguments):
        raise BadCommand(f"'{line.strip()}' is not the right form: {command.form}")
    try:
        values = [_value(argument, word) for argument, word in zip(command.arguments, words, strict=False)]
    except ValueError as error:
        raise BadCommand(f"'{line.strip()}': {error}: {command.form}") from error
    return Order(name, tuple(values))


def _value(argument: Argument, word: str) -> Value:
    try:
        return argument.parse(word)
    except ValueError as error:
        raise ValueError(f"{argument.name} {error}") from error


def menu(commands: Iterable[Command]) -> str:
    """The whole menu, a line a command."""
    return "\n".join(f"  {command.form:<21} {command.does}" for command in commands)


def read_script(path: Path, commands: Sequence[Command]) -> list[tuple[float, Order]]:
    """Lines `SECONDS COMMAND …`, in order of time; raises UsageError with the first line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--script {path}: cannot be read ({error})") from error
    orders = []
    for number, line in enumerate(lines, 1):
        seconds, _, rest = line.partition("#")[0].strip().partition(" ")
        if not seconds:
            continue
        try:
            at_s = _seconds(seconds)
            order = parse(rest, commands)
            if order is None:
                raise BadCommand(f"no command behind '{seconds}'")
        except BadCommand as error:
            raise UsageError(f"--script {path}, line {number}: {error}") from error
        orders.append((at_s, order))
    return sorted(orders, key=lambda timed: timed[0])


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e7:
        raise BadCommand(f"'{text}' is no time: write seconds since the belt's start, then a command: 12.5 freeze 400")
    return seconds


def listen(take: Callable[[str], None]) -> None:
    """Give every line of stdin to `take`, in a thread of its own; the end of stdin is only the end of typing."""
    if sys.stdin is None:
        return
    # started in the background of a terminal, reading from it must fail and not stop the process
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    cast(TextIOWrapper, sys.stdin).reconfigure(errors="replace")
    threading.Thread(target=_listen, args=(take,), name="console", daemon=True).start()


def _listen(take: Callable[[str], None]) -> None:
    try:
        for line in sys.stdin:
            take(line)
    except (OSError, ValueError, RuntimeError):
        return  # the terminal, or the simulator, has gone
