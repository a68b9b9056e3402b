"""TOML file → pydantic model, every mistake reported at once: key, what is wrong, nearest known key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from agent.complaint import in_words, unknown
from agent.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)
Milliseconds = Annotated[float, Field(gt=0, le=60_000)]


class Strict(BaseModel):
    """One table of a file: unknown keys fail, and nothing changes it once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def load_toml(path: Path, model: type[Model], kind: str) -> Model:
    """Parse `path` into `model`. ConfigError: no such file, broken TOML, unknown, missing or wrong keys."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return model.model_validate(values, context={"folder": path.resolve().parent})
    except OSError as error:
        raise ConfigError(f"{kind} {path}: {error.strerror}: check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{kind} {path}: not UTF-8 text: save it as UTF-8 TOML") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{kind} {path}: not valid TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(_describe(problem, model) for problem in error.errors())
        raise ConfigError(f"{kind} {path}: {problems}") from error


def _describe(problem: Any, model: type[BaseModel]) -> str:
    key, known = _place(model, problem["loc"])
    if problem["type"] == "extra_forbidden":
        return unknown("key", key, known)
    if problem["type"] == "missing":
        return f"missing key '{key}'"
    if problem["type"].startswith("union_tag"):
        return _describe_choice(key, problem["ctx"], problem["input"])
    message = in_words(problem)
    if problem["type"] == "value_error" and isinstance(problem["input"], dict):
        return message  # about a whole table, and it names its keys
    return f"'{key}': {message} (found {problem['input']!r})" if problem["loc"] else message


def _describe_choice(key: str, context: dict[str, str], found: Any) -> str:
    """A table whose kind is named by one of its keys, which is missing or names no kind."""
    tag = context["discriminator"].strip("'")
    choices = context.get("expected_tags", "")
    if tag not in found:
        return f"missing key '{key}.{tag}'"
    return f"'{key}.{tag}': {found[tag]!r} is unknown (one of {choices})"


def _place(model: type[BaseModel], location: tuple[Any, ...]) -> tuple[str, list[str]]:
    """The key at `location` of the model tree as the file has it, and the keys that its table may have.

    A union's tag, which pydantic puts into a location, is no key; dict keys and list indices are stepped over.
    """
    key, known, union = [], _fields(model), _Union([], "")
    for number, step in enumerate(location):
        if tagged := [kind for kind in union.models if union.tag and step in _tags(kind, union.tag)]:
            known, union = _fields(tagged[0]), _Union([], "")
            continue
        key.append(str(step))
        field = known.get(str(step))
        nested = _models_in(field.annotation) if field else []
        if field and nested and number + 1 < len(location):
            known, union = _fields(nested[0]), _Union(nested, str(field.discriminator or ""))
    return ".".join(key) or "file", list(known)


class _Union(NamedTuple):
    models: list[type[BaseModel]]
    tag: str
    """The key that says which of them a table is; "" where there is no choice."""


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {known.alias or name: known for name, known in model.model_fields.items()}


def _tags(model: type[BaseModel], tag: str) -> tuple[Any, ...]:
    return get_args(model.model_fields[tag].annotation)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]
