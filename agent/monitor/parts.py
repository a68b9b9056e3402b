"""What a completed row says about light, lens, material and model."""

from __future__ import annotations

from agent.inspection import Reason
from agent.messages import ResultMessage
from agent.monitor.drift import Part
from agent.plc.alarms import ORDERED

NOT_SEEN = {reason.name.lower() for reason in (*ORDERED, Reason.AGENT_DOWN, Reason.JOB_UNKNOWN)}
"""Nobody has looked, for a cause that lies elsewhere."""


def part_of(message: ResultMessage) -> Part | None:
    """None: it says nothing. Known bad parts and those of a bypassed station are not the line's usual ones."""
    if message.standing != "counts" or message.reason in NOT_SEEN:
        return None
    measured = {"mean_grey": message.mean_grey, "sharpness": message.sharpness, "margin": message.margin}
    means = {name: value for name, value in measured.items() if value is not None}
    rates = {"no_decision_rate": not message.valid}
    if message.valid:
        found = {defect.name for defect in message.counting}
        rates |= {f"defect_rate.{name}": name in found for name in message.peak_scores}
    return Part(_product(message), message.valid, means, rates)


def _product(message: ResultMessage) -> str:
    """A simulated camera has another light than the true one."""
    name = f"{message.model_sha256[:16]}/{message.recipe}/{message.recipe_sha256[:16]}"
    return f"{name}/simulated" if message.simulated else name
