"""docs/cameras.md says what is there: commands, links, keys, modes, faults, reasons, alarms."""

from __future__ import annotations

import re
import shlex
import tomllib
import types
import typing
from collections.abc import Iterator
from dataclasses import fields
from functools import cache

from pydantic import BaseModel
from typer.testing import CliRunner

from agent.camera_config import Camera, Mode
from agent.cameras.sim.faults import FAULTS
from agent.command_line import app
from agent.config import Config
from agent.inspection import Frame, Reason
from agent.messages import ControlReply, ResultMessage, StatusMessage
from agent.plc.register_map import Alarm, Ctrl, Status
from agent.recipe import Recipe
from tests.conftest import ROOT

GUIDE = ROOT / "docs" / "cameras.md"
TEXT = GUIDE.read_text()
FENCES = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))


def commands() -> list[str]:
    """Every linegate command of the page, once."""
    shown = [line.removeprefix("$ ") for kind, body in FENCES if kind == "console" for line in body.splitlines()]
    found = [re.search(r"\blinegate .*", line) for line in (*shown, *INLINE)]
    return sorted(
        {match.group().split(" #")[0].strip() for match in found if match and "linegate@" not in match.group()}
    )


@cache
def help_of(name: str) -> str:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"}, color=False)
    assert shown.exit_code == 0, name
    return shown.stdout


def name_of(command: str) -> str:
    words = shlex.split(command)[1:3]
    return " ".join(words[: 2 if words[0] in ("camera", "plc", "model") else 1])


def test_every_command_and_option_of_the_page_exists() -> None:
    assert len(commands()) >= 12
    for command in commands():
        for option in re.findall(r" (--?[a-z][\w-]*)", command):
            assert option in help_of(name_of(command)), command
        for file in re.findall(r"config/\w+\.toml", command):
            assert (ROOT / file).is_file(), command
    everything = "".join(help_of(name_of(command)) for command in commands())
    assert not {code for code in INLINE if re.fullmatch(r"--[\w-]+", code) and code not in everything}


def test_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in re.findall(r"^#+ (.+)$", TEXT, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert target[1:] in headings if target.startswith("#") else (GUIDE.parent / target).exists(), target
    contents = {target[1:] for target in re.findall(r"\]\((#[^)]+)\)", TEXT)}
    assert len(contents) == len(re.findall(r"^## ", TEXT, re.M)), "the contents name every section"


def models(kind: object) -> Iterator[type[BaseModel]]:
    """Every table below a type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation)
    elif isinstance(kind, types.GenericAlias) or typing.get_origin(kind) is not None:
        for inner in typing.get_args(kind):
            yield from models(inner)


def test_every_key_of_the_page_exists() -> None:
    tables = {key for model in (*models(Config), *models(Recipe)) for key in model.model_fields}
    tables |= {key for message in (ResultMessage, StatusMessage, ControlReply)
               for model in models(message) for key in model.model_fields}  # fmt: skip
    tables |= {field.name for field in fields(Frame)}
    shown = {code for code in INLINE if re.fullmatch(r"[a-z]+(_[a-z]+)+", code)}
    reasons = {reason.name.lower() for reason in Reason}
    assert shown - tables - reasons - set(typing.get_args(Mode)) - {"part_id_error"} == set()
    for table, key in {tuple(found) for code in INLINE for found in re.findall(r"^([a-z]+)\.([a-z_]+)(?= =|$)", code)}:
        kinds = list(models(Config.model_fields[table].annotation)) if table in Config.model_fields else []
        assert not kinds or any(key in kind.model_fields for kind in kinds), f"{table}.{key}"
    for body in (body for kind, body in FENCES if kind == "toml"):
        for name, table in tomllib.loads(body).items():
            assert any(set(table) <= set(kind.model_fields) for kind in models(Config.model_fields[name].annotation))


def test_every_driver_mode_reason_alarm_and_fault_of_the_page_exists() -> None:
    rows = re.findall(r"^\| (.+?) \|", TEXT, re.M)
    named = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    drivers = {driver for kind in models(Camera) for driver in typing.get_args(kind.model_fields["driver"].annotation)}
    assert drivers | set(typing.get_args(Mode)) <= named
    assert set(FAULTS) <= named
    reasons = {reason.name.lower() for reason in Reason}
    assert {reason for reason in reasons if reason.startswith(("frame_", "camera_"))} <= set(INLINE)
    assert {code for code in INLINE if re.fullmatch(r"(frame|camera)_\w+", code)} - reasons == {
        "frame_timeout_ms"
    } & set(INLINE)
    capitals = {code for code in INLINE if re.fullmatch(r"[A-Z]+_[A-Z_]+", code)}
    assert capitals >= {Status.PART_ID_ERROR.name, Alarm.UNSOLICITED_FRAME.name}
    assert not capitals - {"NO_DECISION"} - {bit for flags in (Alarm, Status, Ctrl) for bit in flags.__members__}
