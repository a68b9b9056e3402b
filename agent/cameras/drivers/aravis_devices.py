"""Which cameras Aravis can see, and the one that a config names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from agent.cameras.drivers.aravis_library import Aravis, in_cameras_words, require_aravis
from agent.cameras.drivers.gvcp_probe import Control, control_at
from agent.errors import CameraMissing

USB3_VISION = ("ef", "05")
"""Class and subclass of an interface that speaks USB3 Vision."""


@dataclass(frozen=True)
class SeenCamera:
    """What a camera says of itself when it is looked for."""

    id: str
    address: str
    serial: str
    vendor: str
    model: str
    protocol: str
    physical_id: str = ""

    def answers_to(self, name: str) -> bool:
        """Is this the camera that a config calls `name`?"""
        return name in (self.id, self.address, self.serial, self.physical_id)

    def __str__(self) -> str:
        return f"{self.id} ({self.vendor} {self.model}, serial {self.serial}, {self.address})"


def seen_cameras() -> list[SeenCamera]:
    """Every camera that answers within a second, on all network interfaces and USB."""
    require_aravis()
    Aravis.update_device_list()
    return [
        SeenCamera(
            Aravis.get_device_id(index) or "",
            Aravis.get_device_address(index) or "",
            Aravis.get_device_serial_nbr(index) or "",
            Aravis.get_device_vendor(index) or "",
            Aravis.get_device_model(index) or "",
            Aravis.get_device_protocol(index) or "",
            Aravis.get_device_physical_id(index) or "",
        )
        for index in range(Aravis.get_n_devices())
    ]


def open_camera(device: str) -> tuple[Any, str | None]:
    """The Aravis camera called `device` (id, serial number, address), ours to control; and its address if it is GigE.

    Raises CameraMissing when it is not there, not ours to open, or controlled by somebody else.
    """
    require_aravis()
    address = device if _is_address(device) and control_at(device)[0] is not Control.NO_ANSWER else None
    name = device
    if address is None:
        found = _find(device)
        name, address = found.id, found.address if _is_address(found.address) else None
    if address is not None:
        control, holder = control_at(address)
        if control is Control.SOMEBODY:
            raise _busy(device, holder)
    with in_cameras_words(f"camera '{device}'"):
        camera = Aravis.Camera.new(address or name)
    if camera.is_gv_device() and not camera.get_device().is_controller():
        raise _busy(device, "another program")
    return camera, address


def usb_cameras_without_permission(usb: Path = Path("/sys/bus/usb/devices"), dev: Path = Path("/dev")) -> list[str]:
    """USB3 Vision cameras that are plugged in but cannot be opened, with the remedy; Aravis does not list them."""
    closed = []
    for interface in sorted(usb.glob("*:*")):
        if (_line(interface / "bInterfaceClass"), _line(interface / "bInterfaceSubClass")) != USB3_VISION:
            continue
        device = usb / interface.name.split(":")[0]
        uevent = dict(line.split("=", 1) for line in _line(device / "uevent").splitlines() if "=" in line)
        node = dev / uevent.get("DEVNAME", "bus/usb")
        if not os.access(node, os.R_OK | os.W_OK):
            rule = f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{_line(device / "idVendor")}", MODE="0666"'
            closed.append(
                f"{_line(device / 'manufacturer')} {_line(device / 'product')} at {node}: as root put {rule} into "
                "/etc/udev/rules.d/70-usb3-vision.rules and plug the camera in again"
            )
    return closed


def _find(device: str) -> SeenCamera:
    seen = seen_cameras()
    for camera in seen:
        if camera.answers_to(device):
            return camera
    closed = usb_cameras_without_permission()
    if closed:
        raise CameraMissing(f"no camera '{device}' that can be opened; no permission on {'; '.join(closed)}")
    others = ", ".join(map(str, seen)) or "none: check power, cable and the camera's IP address (same subnet)"
    raise CameraMissing(f"no camera '{device}'; seen: {others}")


def _busy(device: str, holder: str) -> CameraMissing:
    return CameraMissing(
        f"camera '{device}' is busy: {holder} controls it: close what uses it (it stays taken for some seconds after "
        "a crash)"
    )


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
