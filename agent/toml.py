"""TOML file → pydantic model; every mistake with its line, what is wrong and the nearest known key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.complaint import near_path
from agent.errors import ConfigError
from agent.problem import Problem, in_one_line
from agent.toml_mistakes import mistakes
from agent.toml_places import Key, places
from agent.toml_syntax import syntax_mistake

Model = TypeVar("Model", bound=BaseModel)
Milliseconds = Annotated[float, Field(gt=0, le=60_000)]

_SPOKEN_OF = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+|(?<=\[)[a-z_.]+(?=\])")
"""A dotted key, or the name of a [table]."""


class Strict(BaseModel):
    """One table of a file: unknown keys fail, and nothing changes it once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NotToml(ConfigError):
    """Text that cannot be parsed, and where."""

    def __init__(self, kind: str, problem: Problem) -> None:
        super().__init__(f"{kind} {problem}")
        self.problem = problem


class TomlFile:
    """A file that could be parsed: its values, and where each key stands.

    `kind` says what it is to the reader, as "recipe". Raises ConfigError: no such file, no text, no TOML.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        try:
            self._text = path.read_text(encoding="utf-8")
            self.values: dict[str, Any] = tomllib.loads(self._text)
        except OSError as error:
            raise ConfigError(f"{kind} {path}: {error.strerror}{near_path(path)}: check the path") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{kind} {path}: not UTF-8 text: save it as UTF-8 TOML") from error
        except tomllib.TOMLDecodeError as error:
            line, mistake = syntax_mistake(self._text, error)
            raise NotToml(kind, Problem(path, line, "", mistake)) from error
        except RecursionError as error:
            raise ConfigError(f"{kind} {path}: not valid TOML: nested too deeply: write it as tables") from error

    @cached_property
    def _places(self) -> dict[Key, int]:
        return places(self._text)

    def line(self, key: Key) -> int:
        """Where the key stands, or the nearest table that would hold it; of the file itself, its first line."""
        return next((self._places[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self._places), 1)

    def about(self, text: str) -> Problem:
        """A complaint that names its keys: its place is the first of them that the file has, else the first one's."""
        named = [tuple(name.split(".")) for name in _SPOKEN_OF.findall(text)]
        key: Key = next((key for key in named if key in self._places), named[0] if named else ())
        return Problem(self.path, self.line(key), ".".join(map(str, key)), text)

    def validated(self, model: type[Model], values: Mapping[str, Any] | None = None) -> Model:
        """`values` (None: all of them) as `model`. Raises ValidationError. A number in quotes is no number."""
        written = json.dumps(self.values if values is None else values, default=_as_text)
        return model.model_validate_json(written, strict=True, context={"folder": self.path.resolve().parent})

    def mistakes(self, model: type[BaseModel], error: ValidationError) -> list[Problem]:
        """Every one of them with its line."""
        return [
            Problem(self.path, self.line(key), ".".join(map(str, key)), text) if key else self.about(text)
            for key, text in mistakes(model, error)
        ]


def load_toml(path: Path, model: type[Model], kind: str) -> Model:
    """Parse `path` into `model`. ConfigError: no such file, broken TOML, unknown, missing or wrong keys."""
    file = TomlFile(path, kind)
    try:
        return file.validated(model)
    except ValidationError as error:
        raise ConfigError(f"{kind} {in_one_line(file.mistakes(model, error))}") from error


def _as_text(value: Any) -> str:
    """TOML's dates and times, which JSON lacks."""
    return f"{value:%H:%M}" if isinstance(value, time) else str(value)
