"""What a station says, for a person: a line each."""

from __future__ import annotations

from rich.text import Text

from agent.messages import EventMessage, ResultMessage, StatusMessage, Upkeep
from agent.subscriber.follower import Trouble
from agent.subscriber.sequencer import Break

STYLES = {"pass": "green", "reject": "red", "no_decision": "yellow"}
EACH_PARTS_OWN = {"ACQUIRING", "BUSY", "RESULT_PENDING"}
"""Bits of STATUS that come and go with every part."""
GOOD = {"ONLINE", "READY", "STANDALONE", "SIMULATED"}
"""What may stand in STATUS while all is well."""


def result_line(message: ResultMessage, standalone: bool | None = None) -> Text:
    """One result. `standalone`: no PLC is there; None: not known, so that a PLC that did not say is passed over."""
    total_ms = total(message)
    told = message.plc_action != "unknown" or standalone is False
    return Text.assemble(
        (f"{message.message_id:>7} ", "dim"),
        f"{message.decided_utc[11:23]}  part {message.part_id:<7} ",
        (f"{message.verdict:<12}", STYLES[message.verdict]),
        f"PLC {message.plc_action:<22}" if told else "" if standalone else " " * 26,
        (f"{total_ms:6.1f} ms  " if total_ms is not None else "     –     ", "dim"),
        flags(message),
        found(message),
    )


def total(message: ResultMessage) -> float | None:
    """ms from the part's trigger until the PLC had the verdict, or until it was decided; None: nothing was timed."""
    if (acknowledged := message.latencies_ms.get("total")) is not None:
        return acknowledged
    return (message.decided_ns - message.triggered_ns) / 1e6 if message.valid and message.triggered_ns else None


def flags(message: ResultMessage) -> Text:
    """What is special about the part."""
    return Text.assemble(
        ("BYPASS ", "bold red") if message.bypass else "",
        ("FAIL OPEN ", "bold red") if message.fail_open else "",
        ("challenge ", "cyan") if message.challenge else "",
    )


def found(message: ResultMessage) -> str:
    """The defects that counted, or why nothing is known."""
    if not message.valid:
        return message.detail or message.reason
    return ", ".join(f"{d.name} {d.area_mm2:.2f} mm² at {d.x_mm:.1f}/{d.y_mm:.1f}" for d in message.counting[:3])


def standing(status: StatusMessage) -> list[str]:
    """The bits in STATUS that say how the station is."""
    return [bit for bit in status.plc_status if bit not in EACH_PARTS_OWN]


def has_no_plc(status: StatusMessage, before: bool | None) -> bool | None:
    """Is the station without a PLC? While it starts it does not say: then as `before`."""
    return "STANDALONE" in status.plc_status if status.plc_status else before


def standing_text(status: StatusMessage) -> Text:
    """As `standing`, in its colour."""
    bits = standing(status)
    well = "READY" in bits and GOOD.issuperset(bits)
    return Text(" ".join(bits) or "OFFLINE", "green" if well else "bold red")


def status_line(status: StatusMessage) -> Text:
    """How the station stands."""
    missed = ", ".join(f"{reason} {count}" for reason, count in status.no_decisions.items())
    worries = [("bold red", f"alarms: {', '.join(status.alarms)}")] if status.alarms else []
    worries += [("yellow", f"no decision so far: {missed}")] if missed else []
    worries += [("yellow", f"frames of no part: {status.unsolicited_frames}")] if status.unsolicited_frames else []
    worries += [("yellow", worry) for worry in upkeep_worries(status.upkeep)]
    return Text.assemble(("station ", "dim"), standing_text(status), *((f"  {text}", style) for style, text in worries))


def upkeep_worries(upkeep: Upkeep) -> list[str]:
    """What somebody should know of everything beside the parts."""
    waiting = ": results wait for it" if upkeep.journal_trouble and upkeep.rows_waiting else ""
    told = {
        "paused by": upkeep.paused_by,
        "journal:": upkeep.journal_trouble + waiting,
        "archive:": upkeep.archive_trouble,
        "images not kept:": upkeep.archive_dropped,
        "drifting:": ", ".join(upkeep.drifting),
        "clients refused:": upkeep.clients_refused,
        "clients put out:": upkeep.clients_put_out,
        "live messages dropped:": upkeep.live_dropped,
    }
    return [f"{what} {value}" for what, value in told.items() if value]


def state(status: StatusMessage) -> tuple[object, ...]:
    """What an operator is to be told of when it changes."""
    upkeep = status.upkeep
    troubles = bool(upkeep.journal_trouble), upkeep.archive_trouble, upkeep.paused_by, upkeep.drifting
    counts = upkeep.archive_dropped, upkeep.clients_refused, upkeep.clients_put_out, upkeep.live_dropped
    told = standing(status), status.alarms, set(status.no_decisions), status.unsolicited_frames
    return *told, *troubles, *(count > 0 for count in counts)  # figures that rise each second are no news


def note(heard: EventMessage | Break | Trouble) -> Text:
    """What is told beside parts and state."""
    if isinstance(heard, EventMessage):
        by = f" by {heard.who}" if heard.who else ""
        said = f": {heard.detail}" if heard.detail else ""
        return Text(f"{heard.utc[11:23]}  {heard.kind} {heard.what}{by}{said}", "cyan")
    return Text(str(heard), "bold red")
