"""What pydantic finds wrong, in words for whoever wrote it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

_ITS_OWN = re.compile(r"^(Value error, |(Input|String|Dictionary|Tuple|List) (?=should))| after validation, not \d+$")
_ALSO_CALLED = {
    "gpu": "cuda", "nvidia": "cuda", "gige": "aravis", "usb3": "aravis", "gentl": "genicam", "v4l2": "opencv",
    "webcam": "opencv", "rtsp": "opencv", "video": "opencv", "files": "folder", "encoder": "hardware",
    "serial": "rtu", "master": "client", "slave": "server", "alarm": "reject_and_alarm",
}  # fmt: skip
"""What people write who know the thing by another name; no spelling leads from there to ours."""


def mistake_in_words(problem: Mapping[str, Any]) -> str:
    """`problem`: one of ValidationError.errors()."""
    if problem["type"] == "path_type":
        return "should be a path"
    said = _ITS_OWN.sub("", str(problem["msg"]))
    for theirs, ours in (("valid dictionary", "table"), ("an object", "a table"), ("valid array", "list")):
        said = said.replace(theirs, ours)
    if problem["type"] in ("int_type", "float_type", "bool_type", "int_from_float") and _is_number(problem["input"]):
        return f"{said}, written without quotes"
    if problem["type"] == "string_type" and isinstance(problem["input"], int | float):
        return f"{said}, written in quotes"
    return said


def _is_number(found: Any) -> bool:
    try:
        float(found if isinstance(found, str) else "")
    except ValueError:
        return found in ("true", "false")
    return True


def unknown_choice(key: str, found: Any, choices: list[str]) -> str:
    """ "'model.provider': 'gpu' is unknown (did you mean 'cuda'?): one of 'cpu', 'cuda'"."""
    asked = str(found).lower()
    close = [name for name in (_ALSO_CALLED.get(asked), *difflib.get_close_matches(asked, choices, n=1)) if name]
    meant = f" (did you mean '{close[0]}'?)" if close and close[0] in choices else ""
    return f"'{key}': {found!r} is unknown{meant}: one of {', '.join(map(repr, choices))}"


def near_path(path: Path) -> str:
    """ " (did you mean 'cam1.toml'?)" where nothing is at `path` but something alike beside it, else ""."""
    folder = path.parent
    try:
        if path.exists() or not folder.is_dir():
            return ""
        others = [other for other in folder.iterdir() if path.suffix == other.suffix or path.stem == other.stem]
    except (OSError, ValueError):
        return ""
    close = difflib.get_close_matches(path.stem, [other.stem for other in others], n=1)
    return next((f" (did you mean '{other.name}'?)" for other in others if [other.stem] == close), "")


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The one of `known` that a misspelt `name` is nearest to; "": none is near. `name` may be dotted."""
    return next(iter(difflib.get_close_matches(name.rpartition(".")[2], list(known), n=1)), "")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """ "unknown key 'model.pat' (did you mean 'path'?)". `name` may be dotted; `known`: what its table may have."""
    close = nearest_name(name, known := list(known))
    return f"unknown {what} '{name}'" + (f" (did you mean '{close}'?)" if close else f" (known: {', '.join(known)})")


def not_understood(error: ValidationError, request: type[BaseModel]) -> str:
    """The first mistake in a request, with its field."""
    problem = error.errors()[0]
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return unknown("field", field, (known.alias or name for name, known in request.model_fields.items()))
    if problem["type"] == "missing":
        return f"missing field '{field}'"
    said = mistake_in_words(problem)
    return f"'{field}' {said}" if field else said
