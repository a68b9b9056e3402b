"""The PLC link that a station's file asks for."""

from __future__ import annotations

from agent.cameras import Camera
from agent.cameras.line_fired import LineFiredCamera
from agent.config import Config
from agent.health import Health
from agent.journal.journal import Journal
from agent.operator_orders import OperatorOrders
from agent.part_id_latch import PartIdLatch
from agent.plc.agent_handshake import AgentHandshake
from agent.plc.alarms import AlarmLimits
from agent.plc.arm.open_arm import check_lanes, open_arm
from agent.plc.bits_handshake import BitsHandshake
from agent.plc.decision import Timing
from agent.plc.facts import Facts
from agent.plc.handshake import Handshake
from agent.plc.link import PlcLink
from agent.plc.wires.bits_profile import Bits
from agent.plc.wires.endpoint import Endpoint, rtu_endpoint, tcp_endpoint
from agent.plc.wires.link_end import Wire
from agent.plc.wires.modbus import ModbusConnection
from agent.plc.wires.polling import PollingWire, Profile, Words
from agent.plc.wires.serving import ServingWire
from agent.plc_config import PlcConfig
from agent.raised import Raised


def open_link(
    config: Config,
    agent_epoch: int,
    facts: Facts,
    journal: Journal,
    health: Health,
    camera: Camera,
    raised: Raised,
) -> PlcLink:
    """The link, its thread running; a camera that the photo-eye fires is told of every part."""
    timing = Timing(config.trigger.capture_window_ms, config.plc.guard_ms, config.plc.scan_ms)
    limits = AlarmLimits(**config.alarm.model_dump())
    handshake: AgentHandshake
    if config.plc.decide_ms is not None:
        handshake = BitsHandshake(timing, config.plc.decide_ms, agent_epoch, facts, limits)
    else:
        handshake = Handshake(timing, agent_epoch, facts, limits, own_arm=config.reject.timing == "agent")
    check_lanes(config.reject, facts.setup.classes[1:])
    arm = open_arm(config, handshake.ledger)
    latch, orders = PartIdLatch(config.station.state_dir), OperatorOrders(config.station.state_dir, facts.setup.recipes)
    wire, lost_after_ms = open_wire(config.plc), config.plc.lost_after_ms
    link = PlcLink(wire, handshake, journal, health, lost_after_ms, arm, latch, orders, raised)
    if isinstance(camera, LineFiredCamera):
        link.in_step.follow(camera)
    return link


def open_wire(plc: PlcConfig) -> Wire:
    """How images travel to this PLC and back."""
    if plc.role == "server":
        return ServingWire(plc.host, plc.port)
    endpoint = open_endpoint(plc)
    profile: Profile = Words(plc.combined) if plc.profile == "words" else Bits()
    return PollingWire(lambda: ModbusConnection(endpoint, plc.device_id, plc.timeout_ms), profile, plc.cycle_ms)


def open_endpoint(plc: PlcConfig) -> Endpoint:
    """Where the PLC's Modbus server is."""
    line = plc.serial_line
    return rtu_endpoint(line) if line else tcp_endpoint(plc.host, plc.port)
