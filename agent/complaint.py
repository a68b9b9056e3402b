"""What pydantic finds wrong, in words for whoever wrote it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

_ITS_OWN = re.compile(r"^(Value error, |(Input|String|Dictionary|Tuple|List) (?=should))| after validation, not \d+$")


def in_words(problem: Mapping[str, Any]) -> str:
    """`problem`: one of ValidationError.errors()."""
    if problem["type"] == "path_type":
        return "should be a path"
    return _ITS_OWN.sub("", str(problem["msg"])).replace("valid dictionary", "table")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """ "unknown key 'model.pat' (did you mean 'path'?)". `name` may be dotted; `known`: what its table may have."""
    known = list(known)
    close = difflib.get_close_matches(name.rpartition(".")[2], known, n=1)
    return f"unknown {what} '{name}'" + (f" (did you mean '{close[0]}'?)" if close else f" (known: {', '.join(known)})")


def not_understood(error: ValidationError, request: type[BaseModel]) -> str:
    """The first mistake in a request, with its field."""
    problem = error.errors()[0]
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return unknown("field", field, (known.alias or name for name, known in request.model_fields.items()))
    if problem["type"] == "missing":
        return f"missing field '{field}'"
    return f"'{field}' {in_words(problem)}" if field else in_words(problem)
