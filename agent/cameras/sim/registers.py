"""The camera's registers: those that GigE Vision lays down, and one for each of its features."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from agent.cameras.sim.features import Feature, Number, addresses, features
from agent.cameras.sim.genicam_xml import genicam_xml
from agent.cameras.sim.gvcp import Refused, Status

VENDOR, MODEL = "Linegate", "SimulatedGigE"
XML_ADDRESS = 0x2_0000
TICKS_PER_S = 1_000_000_000
HEARTBEAT_MS = 3000
PACKET_BYTES = 1400
TEST_PACKET = 0x8000_0000

# --- where the standard puts what ------------------------------------------------------------------------------------
VERSION, DEVICE_MODE, MAC, IP_CONFIG, CURRENT_IP, SUBNET = 0x0000, 0x0004, 0x0008, 0x0010, 0x0024, 0x0034
VENDOR_NAME, MODEL_NAME, DEVICE_VERSION, INFO, SERIAL, USER_NAME = 0x0048, 0x0068, 0x0088, 0x00A8, 0x00D8, 0x00E8
DISCOVERY_BYTES = 0x00F8
XML_URL, INTERFACES, STREAM_CHANNELS, CAPABILITY, HEARTBEAT = 0x0200, 0x0600, 0x0904, 0x0934, 0x0938
TICK_FREQUENCY, TIMESTAMP_CONTROL, TIMESTAMP, CONTROL = 0x093C, 0x0944, 0x0948, 0x0A00
STREAM_PORT, STREAM_PACKET, STREAM_DELAY, STREAM_HOST, STREAM_SOURCE = 0x0D00, 0x0D04, 0x0D08, 0x0D18, 0x0D1C
WRITABLE = {HEARTBEAT: 500, TIMESTAMP_CONTROL: 0, CONTROL: 0, STREAM_PORT: 0, STREAM_PACKET: 0, STREAM_DELAY: 0,
            STREAM_HOST: 0}  # fmt: skip
"""Least value of each; 4 bytes."""
CAN_DO = 0xC000_0007
"""User name and serial number, packet resend, WRITEMEM, several registers in one WRITEREG."""


@dataclass(frozen=True)
class Identity:
    """What tells one camera from the other."""

    serial: str
    address: str
    """IPv4."""
    sensor_width_px: int
    sensor_height_px: int


class Registers:
    """Memory as after power-up; knows which value fits where, not who may write it."""

    def __init__(self, identity: Identity) -> None:
        table = features(identity.sensor_width_px, identity.sensor_height_px)
        self._features = {feature.name: feature for feature in table}
        self._address = addresses(table)
        self._name = {address: name for name, address in self._address.items()}
        xml = genicam_xml(VENDOR, MODEL, table)
        self._memory = bytearray(XML_ADDRESS + len(xml) + 4)
        self._memory[XML_ADDRESS : XML_ADDRESS + len(xml)] = xml
        self._bootstrap(identity, len(xml))
        for feature in table:
            self.set(feature.name, feature.value)

    def read(self, address: int, count: int) -> bytes:
        """`count` bytes; raises Refused outside of the memory."""
        if address % 4 or address + count > len(self._memory):
            raise Refused(Status.INVALID_ADDRESS)
        return bytes(self._memory[address : address + count])

    def word(self, address: int) -> int:
        """The 32-bit register there."""
        return int.from_bytes(self.read(address, 4), "big")

    def put(self, address: int, value: int, length: int = 4) -> None:
        """Set a register of the standard's, from inside the camera."""
        self._memory[address : address + length] = value.to_bytes(length, "big")

    def get(self, name: str) -> Number:
        """A feature's value."""
        feature, address = self._features[name], self._address[name]
        value: Number = struct.unpack_from(feature.format, self._memory, address)[0]
        return value

    def number(self, name: str) -> int:
        """A feature's value, which is no float."""
        return int(self.get(name))

    def set(self, name: str, value: Number) -> None:
        """Set a feature, from inside the camera."""
        struct.pack_into(self._features[name].format, self._memory, self._address[name], value)

    def write(self, address: int, data: bytes, acquiring: bool) -> str | int:
        """A host sets a register: the feature's name, or the address of one of the standard's. Raises Refused."""
        if address in WRITABLE and len(data) == 4:
            if int.from_bytes(data, "big") < WRITABLE[address]:
                raise Refused(Status.INVALID_PARAMETER)
            self._memory[address : address + 4] = data
            return address
        if address not in self._name:
            raise Refused(Status.WRITE_PROTECT if address < len(self._memory) else Status.INVALID_ADDRESS)
        feature = self._features[self._name[address]]
        self._check(feature, data, acquiring)
        self._memory[address : address + len(data)] = data
        return feature.name

    def _check(self, feature: Feature, data: bytes, acquiring: bool) -> None:
        if feature.read_only or (feature.stopped_only and acquiring):
            raise Refused(Status.WRITE_PROTECT)
        if len(data) != feature.length:
            raise Refused(Status.INVALID_PARAMETER)
        (value,) = struct.unpack(feature.format, data)
        if not feature.fits(value, self.get(feature.most) if isinstance(feature.most, str) else feature.most):
            raise Refused(Status.INVALID_PARAMETER)

    def _bootstrap(self, identity: Identity, xml_bytes: int) -> None:
        address = int.from_bytes(socket.inet_aton(identity.address), "big")
        for register, value in {
            VERSION: 0x0001_0002, DEVICE_MODE: 0x8000_0001, MAC: 0x0200, MAC + 4: address, IP_CONFIG: 7,
            IP_CONFIG + 4: 4, CURRENT_IP: address, SUBNET: 0xFF00_0000, INTERFACES: 1, STREAM_CHANNELS: 1,
            CAPABILITY: CAN_DO, HEARTBEAT: HEARTBEAT_MS, STREAM_PACKET: PACKET_BYTES,
        }.items():  # fmt: skip
            self.put(register, value)
        self.put(TICK_FREQUENCY, TICKS_PER_S, 8)
        url = f"Local:linegate.xml;{XML_ADDRESS:x};{xml_bytes:x}"
        for register, text in {
            VENDOR_NAME: VENDOR, MODEL_NAME: MODEL, DEVICE_VERSION: "1", INFO: "shows the simulated belt",
            SERIAL: identity.serial, XML_URL: url,
        }.items():  # fmt: skip
            self._memory[register : register + len(text)] = text.encode("ascii")
