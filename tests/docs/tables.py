"""Every table of the station's file."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator

from pydantic import BaseModel


def models(kind: object) -> Iterator[type[BaseModel]]:
    """The tables below a type, itself included."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation)
    elif isinstance(kind, types.GenericAlias) or typing.get_origin(kind) is not None:
        for inner in typing.get_args(kind):
            yield from models(inner)
