"""What is wrong and what is doubtful in a station's files, as it is found."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import LinegateError
from agent.problem import Problem
from agent.toml import NotToml, TomlFile


class Problems:
    """Everything that was found so far; each with its place in `file` or in another file that it names."""

    def __init__(self, file: TomlFile) -> None:
        self.file = file
        self.found: list[Problem] = []

    @property
    def errors(self) -> int:
        return sum(problem.is_error for problem in self.found)

    @property
    def warnings(self) -> int:
        return len(self.found) - self.errors

    def add(self, problem: Problem) -> None:
        """Once, however often it is found."""
        if problem not in self.found:
            self.found.append(problem)

    def error(self, key: str, text: str, file: TomlFile | None = None) -> None:
        """`key`: dotted; where it is missing the place is its table's."""
        self._add(key, text, file or self.file, is_error=True)

    def warn(self, key: str, text: str, file: TomlFile | None = None) -> None:
        """As `error`: the station would run all the same."""
        self._add(key, text, file or self.file, is_error=False)

    def _add(self, key: str, text: str, file: TomlFile, *, is_error: bool) -> None:
        steps = tuple(int(step) if step.isdigit() else step for step in key.split("."))
        self.add(Problem(file.path, file.line(steps), key, text, is_error))

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """A complaint raised inside is an error at `key`, and what is logged as a warning is one there."""
        listener = _Listener()
        root = logging.getLogger()
        root.addHandler(listener)
        try:
            yield
        except NotToml as error:
            self.add(error.problem)
        except LinegateError as error:
            self.error(key, str(error))
        finally:
            root.removeHandler(listener)
        for text in listener.heard:
            self.warn(key, text)

    def sorted(self) -> list[Problem]:
        """By file, the station's own first, and line."""
        own = self.file.path
        return sorted(self.found, key=lambda problem: (problem.file != own, str(problem.file), problem.line))


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())
