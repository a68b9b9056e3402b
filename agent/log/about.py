"""What a log call says beside its text: `log.warning("…", extra=about(Happening.NO_DECISION, trigger))`."""

from __future__ import annotations

from agent.inspection import Trigger
from agent.log.happening import Happening

FIELDS = "fields"
"""The attribute of a record that has them."""
_known: dict[str, object] = {}


def about(happening: Happening, trigger: Trigger | None = None, **fields: object) -> dict[str, dict[str, object]]:
    """For `extra=`: the kind of line, the part that it is about, and other FIELDS (names as journald wants them)."""
    of_part = (
        {"PART_ID": trigger.part_id, "TRIGGER_SEQ": trigger.seq, "PLC_EPOCH": trigger.plc_epoch} if trigger else {}
    )
    return {FIELDS: {"MESSAGE_ID": happening.value, "EVENT": happening.name.lower(), **of_part, **fields}}


def every_line_has(**fields: object) -> None:
    """From now on: LINE, STATION, AGENT_EPOCH, as each gets known."""
    _known.update(fields)


def known() -> dict[str, object]:
    """What every line has by now."""
    return dict(_known)
