"""The JSON Schemas of all messages, as they are committed in config/schemas."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from agent.messages import (
    ControlReply,
    ControlRequest,
    EventMessage,
    ReplayReply,
    ReplayRequest,
    ResultMessage,
    StatusMessage,
)

SCHEMAS: dict[str, type[BaseModel]] = {
    "insp.result-1": ResultMessage,
    "insp.event-1": EventMessage,
    "insp.status-1": StatusMessage,
    "insp.replay-1": ReplayRequest,
    "insp.history-1": ReplayReply,
    "insp.control-1": ControlRequest,
    "insp.controlled-1": ControlReply,
}


def json_schema(name: str) -> dict[str, Any]:
    """Of one message."""
    return SCHEMAS[name].model_json_schema(by_alias=True)
