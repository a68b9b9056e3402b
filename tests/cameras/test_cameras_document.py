"""docs/cameras.md says what is there: keys, modes, faults, reasons, alarms. What all pages promise: tests/docs."""

from __future__ import annotations

import re
import typing
from dataclasses import fields

from agent.camera_config import Camera, Mode
from agent.cameras.sim.faults import FAULTS
from agent.config import Config
from agent.inspection import Frame, Reason
from agent.messages import ControlReply, ResultMessage, StatusMessage
from agent.plc.register_map import Alarm, Ctrl, Status
from agent.recipe import Recipe
from tests.conftest import ROOT
from tests.docs.tables import models

GUIDE = ROOT / "docs" / "cameras.md"
TEXT = GUIDE.read_text()
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))


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


def test_every_driver_mode_reason_alarm_and_fault_of_the_page_exists() -> None:
    rows = re.findall(r"^\| (.+?) \|", TEXT, re.M)
    named = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    drivers = {driver for kind in models(Camera) for driver in typing.get_args(kind.model_fields["driver"].annotation)}
    assert drivers | set(typing.get_args(Mode)) <= named
    assert set(FAULTS) <= named
    reasons = {reason.name.lower() for reason in Reason}
    assert {code for code in INLINE if re.fullmatch(r"(frame|camera)_\w+", code)} - reasons == {
        "frame_timeout_ms"
    } & set(INLINE)
    capitals = {code for code in INLINE if re.fullmatch(r"[A-Z]+_[A-Z_]+", code)}
    assert capitals >= {Status.PART_ID_ERROR.name, Alarm.UNSOLICITED_FRAME.name}
    assert not capitals - {"NO_DECISION"} - {bit for flags in (Alarm, Status, Ctrl) for bit in flags.__members__}
