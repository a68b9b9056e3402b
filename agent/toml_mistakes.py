"""What pydantic finds wrong in a file, with the key as the file has it and in words for whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from agent.complaint import mistake_in_words, nearest_name, unknown, unknown_choice
from agent.toml_places import Key


class Mistakes(ValueError):
    """Several at once, for a validator of a whole table; each text names its keys."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)
        super().__init__("; ".join(self.texts))


def mistakes(model: type[BaseModel], error: ValidationError) -> Iterator[tuple[Key, str]]:
    """Key and text of each; a text about a whole table names its keys itself, and comes with none: ()."""
    placed = [(problem, *_place(model, problem["loc"])) for problem in error.errors()]
    strangers = [(key, known) for problem, key, known in placed if problem["type"] == "extra_forbidden"]
    misplaced = {key for key, _ in strangers if _is_outer(model, key)}
    meant = {(key[-1],) for key in misplaced} | {_meant(key, known) for key, known in strangers}
    for problem, key, known in placed:
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, Mistakes):
            yield from (((), text) for text in cause.texts)
        elif problem["type"] == "value_error" and isinstance(problem["input"], dict):
            yield (), mistake_in_words(problem)
        elif key in misplaced:
            yield key, f"unknown key '{'.'.join(map(str, key))}': it belongs above the first [table] of the file"
        elif problem["type"] != "missing" or key not in meant:
            yield _describe(problem, key, list(known))


def _is_outer(model: type[BaseModel], key: Key) -> bool:
    """Is it in a table, and one of the file itself?"""
    field = _fields(model).get(str(key[-1]))
    return len(key) > 1 and field is not None and not _models_in(field.annotation)


def _meant(key: Key, known: dict[str, FieldInfo]) -> Key:
    """What an unknown key is misspelt for: that this is missing need not be told, too. No table is taken for one."""
    name = nearest_name(str(key[-1]), known)
    return (*key[:-1], name) if name and not _models_in(known[name].annotation) else key


def _describe(problem: Any, key: Key, known: list[str]) -> tuple[Key, str]:
    name, kind = ".".join(map(str, key)), problem["type"]
    if kind == "extra_forbidden":
        return key, unknown("key", name, known)
    if kind == "missing":
        return key, f"missing key '{name}'"
    if kind.startswith("union_tag"):
        return _describe_kind(key, problem["ctx"], problem["input"])
    choices = re.findall(r"'([^']*)'", problem.get("ctx", {}).get("expected", ""))
    if choices and isinstance(problem["input"], str):
        return key, unknown_choice(name, problem["input"], choices)
    said = mistake_in_words(problem)
    return key, f"'{name}': {said} (found {problem['input']!r})" if key else said


def _describe_kind(key: Key, context: dict[str, str], found: Any) -> tuple[Key, str]:
    """A table whose kind is named by one of its keys, which is missing or names no kind."""
    key = (*key, context["discriminator"].strip("'"))
    name = ".".join(map(str, key))
    if not isinstance(found, dict) or key[-1] not in found:
        return key, f"missing key '{name}'"
    return key, unknown_choice(name, found[key[-1]], re.findall(r"'([^']*)'", context.get("expected_tags", "")))


def _place(model: type[BaseModel], location: tuple[Any, ...]) -> tuple[Key, dict[str, FieldInfo]]:
    """The key at `location` of the model tree as the file has it, and the keys that its table may have.

    A union's tag, which pydantic puts into a location, is no key; dict keys and list indices are stepped over.
    """
    key: list[str | int] = []
    known, union = _fields(model), _Union([], "")
    for number, step in enumerate(location):
        if tagged := [kind for kind in union.models if union.tag and step in _tags(kind, union.tag)]:
            known, union = _fields(tagged[0]), _Union([], "")
            continue
        key.append(step)
        field = known.get(str(step))
        nested = _models_in(field.annotation) if field else []
        if field and nested and number + 1 < len(location):
            known, union = _fields(nested[0]), _Union(nested, str(field.discriminator or ""))
    return tuple(key), known


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
