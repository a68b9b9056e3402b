"""The line that a person reads, and the one that a program does."""

from __future__ import annotations

import json
from datetime import datetime

from agent.log.fields import Fields
from agent.log.happening import Happening

NAMES = {2: "CRITICAL", 3: "ERROR", 4: "WARNING", 6: "INFO", 7: "DEBUG"}
COLOURS = {2: "\033[1;31m", 3: "\033[31m", 4: "\033[33m"}
PLAIN = "\033[0m"
AS_ALL_COMMANDS = {Happening.FAULT.value, Happening.BAD_CONFIG.value}
"""How a command ends is said as every command says it: "error: …", and nothing before it."""


def text_line(fields: Fields, coloured: bool = False) -> str:
    """Local time, level, message; `coloured` by its level."""
    line = fields["MESSAGE"]
    if fields.get("MESSAGE_ID") not in AS_ALL_COMMANDS:
        local = datetime.fromisoformat(fields["TIME"]).astimezone()
        line = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03} {NAMES[fields['PRIORITY']]:7} {line}"
    colour = COLOURS.get(fields["PRIORITY"]) if coloured else None
    return f"{colour}{line}{PLAIN}" if colour else line


def json_line(fields: Fields) -> str:
    """One object a line; its keys are the journal's field names."""
    return json.dumps(fields, ensure_ascii=False, default=str)


def prefixed_line(fields: Fields) -> str:
    """The same for a stderr that is the journal: sd-daemon(3) takes the priority from the head and off it."""
    return f"<{fields['PRIORITY']}>{json_line(fields)}"
