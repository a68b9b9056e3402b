"""What a station's file says of the reject arm, as the link needs it."""

from __future__ import annotations

from agent.config import Config
from agent.errors import ConfigError
from agent.plc.arm.confirm import ConfirmSensor
from agent.plc.arm.odometer import Odometer
from agent.plc.arm.reject_arm import RejectArm
from agent.plc.arm.reject_timer import ArmWiring, RejectTimer
from agent.plc.ledger import Ledger
from agent.plc_config import RejectConfig

KNOWN_CYCLES = 5
"""So many scans and cycles without a new reading, and where the belt is counts as not known."""
NOT_CLASSES = ("reject", "no_decision")
"""What lane_coils may name beside the model's classes."""


def open_arm(config: Config, ledger: Ledger) -> RejectArm:
    """Where the PLC times the arm and there is no confirm sensor it does nothing."""
    reject = config.reject
    sensor = None if reject.confirm_ms is None else ConfirmSensor(reject.confirm_ms)
    if reject.timing == "plc":
        return RejectArm(ledger, None, sensor)
    wiring = ArmWiring(
        reject.distance_counts or reject.distance_mm,
        reject.pulse_ms,
        reject.lead_ms,
        reject.pass_coil,
        reject.reject_coil,
        reject.lane_coils,
    )
    plc = config.plc
    odometer = Odometer(reject.distance_counts > 0, plc.scan_ms, KNOWN_CYCLES * (plc.scan_ms + plc.cycle_ms))
    return RejectArm(ledger, RejectTimer(wiring, odometer), sensor)


def check_lanes(reject: RejectConfig, defect_classes: tuple[str, ...]) -> None:
    """ConfigError for a lane of something that the model cannot find."""
    known = (*defect_classes, *NOT_CLASSES)
    unknown = [name for name in reject.lane_coils if name not in known]
    if unknown:
        raise ConfigError(
            f"reject.lane_coils: '{unknown[0]}' is no class of this model: name one of {', '.join(known)}"
        )
