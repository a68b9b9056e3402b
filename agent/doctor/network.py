"""The network ports that camera and PLC are reached by: the same one? Fast, whole, large enough?"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from agent.doctor.looking import NotKnown, answer, looked, peek, read
from agent.doctor.subject import Subject
from agent.finding import Finding, doubtful, right, unknown, wrong

CAMERA_MBIT = 1000
"""A camera's port below gigabit is a wrong cable or switch."""
SHARE_OF_SPEED = 0.8
"""Of the port's speed that frames may take: headers and everything else need the rest."""
ERROR_SHARE = 1e-6
"""Of all packets: more than one in a million damaged or dropped is a bad cable or an overrun buffer."""
ERRORS = ("rx_errors", "tx_errors", "rx_dropped", "rx_missed_errors", "rx_fifo_errors")
BUFFERED_FRAMES = 2
"""The kernel is to hold one frame while the one before is fetched."""
SMALL_PACKET_BYTES, MANY_PACKETS_PER_S = 1500, 20_000
"""Each packet is an interrupt's worth of work."""
ASKED_BUFFER_BYTES = 32 << 20
LOOPBACK = "lo"


def examine_network(subject: Subject) -> Iterator[Finding]:
    """By the kernel's own choice of a route to each."""
    if not subject.addresses:
        yield right("network", "neither camera nor PLC is reached over one, as far as the doctor could see")
        return
    ports: dict[str, str] = {}
    for who, address in subject.addresses.items():
        yield looked(f"route to {who}", partial(_route, who, address, ports))
    if len(ports) == 2:
        yield judge_shared(ports["camera"], ports["PLC"])
    for port in sorted(set(ports.values()) - {LOOPBACK}):
        users = [who for who, its in ports.items() if its == port]
        yield looked(f"{port} link", partial(check_link, subject, port, users))
        yield looked(f"{port} errors", partial(check_errors, subject.root, port))
    if "camera_packet_bytes" in subject.figures:
        yield looked("packets", partial(check_packets, subject, ports.get("camera", LOOPBACK)))
        yield looked("receive buffer", partial(check_buffer, subject))


def _route(who: str, address: str, ports: dict[str, str]) -> Finding:
    with suppress(OSError):
        address = str(socket.getaddrinfo(address, None)[0][4][0])
    found = json.loads(answer("ip", "-j", "route", "get", address))[0]
    if not (port := str(found.get("dev", ""))):
        raise NotKnown(f"'ip route get {address}' names no port")
    ports[who] = port
    gateway = found.get("gateway")
    text = f"{address} by {port}" + (f", over the gateway {gateway}" if gateway else "")
    if gateway:
        return doubtful(f"route to {who}", text, f"give this computer an address in the {who}'s own network: what goes "
                        "over a gateway is delayed, and a camera is not found")  # fmt: skip
    return right(f"route to {who}", text)


def judge_shared(camera: str, plc: str) -> Finding:
    """Frames and PLC on one port keep each other waiting."""
    if camera == plc != LOOPBACK:
        return doubtful("shared port", f"camera and PLC share {camera}", "give each its own: frames keep the PLC's "
                        "answers waiting, and lost packets become parts without a decision")  # fmt: skip
    return right("shared port", f"camera by {camera}, PLC by {plc}")


def check_link(subject: Subject, port: str, users: list[str]) -> Finding:
    """Its speed against what frames take."""
    folder = subject.root / "sys/class/net" / port
    name = f"{port} link"
    if read(folder / "operstate") == "down":
        return wrong(name, "down", "see the cable and the device's power")
    mbit, duplex = _speed(folder), peek(folder / "duplex")
    if mbit is None:
        return unknown(name, "not known: its driver names no speed (a virtual port)")
    text = f"{mbit} Mbit/s, {duplex} duplex"
    if duplex == "half":
        return wrong(name, text, "full duplex is needed: set both ends to autonegotiation")
    if "camera" not in users:
        return right(name, text)
    rate, payload = subject.figures.get("camera_rate_per_s"), subject.figures.get("camera_payload_bytes")
    if isinstance(rate, float) and isinstance(payload, float):
        frames_mbit = rate * payload * 8 / 1e6
        text += f"; frames take {frames_mbit:.0f} Mbit/s"
        if frames_mbit > SHARE_OF_SPEED * mbit:
            return wrong(name, text, "more than it carries safely: a faster port, smaller frames, or fewer of them")
    if mbit < CAMERA_MBIT:
        return wrong(name, text, "a GigE camera needs 1000: see cable (all four pairs), switch and port")
    return right(name, text)


def check_errors(root: Path, port: str) -> Finding:
    """Since the computer's start."""
    folder, name = root / "sys/class/net" / port / "statistics", f"{port} errors"
    counts = {what: int(text) for what in ERRORS if (text := peek(folder / what)).isdigit()}
    packets = int(read(folder / "rx_packets")) + int(read(folder / "tx_packets"))
    bad = {what: number for what, number in counts.items() if number}
    text = (", ".join(f"{number} {what}" for what, number in bad.items()) or "none") + f" (n = {packets} packets)"
    if sum(bad.values()) > ERROR_SHARE * packets:
        return doubtful(name, text, "see cable and switch; for rx_missed, rx_fifo: ethtool -G, larger rings")
    return right(name, text)


def check_packets(subject: Subject, port: str) -> Finding:
    """The camera's packets against the port's greatest."""
    size, mtu = subject.figures["camera_packet_bytes"], int(read(subject.root / "sys/class/net" / port / "mtu"))
    payload, rate = subject.figures.get("camera_payload_bytes"), subject.figures.get("camera_rate_per_s")
    assert isinstance(size, float)
    text = f"{size:.0f} bytes, the MTU of {port} is {mtu}"
    if size > mtu:
        return wrong("packets", text, f"they do not fit: ip link set {port} mtu 9000, or set camera.packet_size_bytes")
    if isinstance(payload, float) and isinstance(rate, float):
        per_s = payload / size * rate
        text += f", {per_s:.0f} packets/s"
        if size <= SMALL_PACKET_BYTES and per_s > MANY_PACKETS_PER_S:
            return doubtful("packets", text, f"jumbo frames cost less: ip link set {port} mtu 9000, and in the switch")
    return right("packets", text)


def check_buffer(subject: Subject) -> Finding:
    """How much of the frames the kernel holds until they are fetched."""
    most, payload = int(read(subject.root / "proc/sys/net/core/rmem_max")), subject.figures["camera_payload_bytes"]
    assert isinstance(payload, float)
    text = f"net.core.rmem_max = {most}, a frame has {payload:.0f} bytes"
    if most < BUFFERED_FRAMES * payload:
        return wrong("receive buffer", text, f"less than two frames: as root sysctl -w net.core.rmem_max="
                     f"{ASKED_BUFFER_BYTES}, and into /etc/sysctl.d")  # fmt: skip
    return right("receive buffer", text)


def _speed(folder: Path) -> int | None:
    text = peek(folder / "speed")
    return int(text) if text.isdigit() else None
