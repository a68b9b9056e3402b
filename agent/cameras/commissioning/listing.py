"""Every camera that can be seen from here, by whichever driver could open it."""

from __future__ import annotations

import fcntl
import json
import os
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from agent.cameras.drivers.gentl_producer import Producer
from agent.cameras.drivers.gvcp_probe import Control, control_at
from agent.errors import ConfigError, LinegateError

State = Literal["free", "in use", "no permission", "unknown"]
V4L2 = Path("/sys/class/video4linux")
QUERYCAP, QUERYCAP_BYTES, DEVICE_CAPS_OFFSET = 0x80685600, 104, 88
"""VIDIOC_QUERYCAP and struct v4l2_capability of linux/videodev2.h."""
CAPTURES = 0x1 | 0x1000
"""V4L2_CAP_VIDEO_CAPTURE, …_MPLANE: a webcam has other nodes besides."""
_NO_LIMIT = 10_000
_NAME_CELLS = 12
GIGE_STATES: dict[Control, State] = {
    Control.NOBODY: "free",
    Control.SOMEBODY: "in use",
    Control.NO_ANSWER: "unknown",
}


@dataclass(frozen=True)
class SeenCamera:
    """What goes into [camera] (`driver`, `device` or, for opencv, `source`), and what else is known of it."""

    driver: str
    device: str
    vendor: str
    model: str
    serial: str
    address: str
    protocol: str
    state: State


@dataclass(frozen=True)
class Search:
    """One way to look for cameras, and what came of it; `problem`: why it could not look, with the remedy."""

    where: str
    found: tuple[SeenCamera, ...] = ()
    problem: str = ""


def search_all(cti: Path | None) -> list[Search]:
    """Look everywhere. ConfigError when `cti` is given and cannot be used."""
    gentl = Search(f"GenTL ({cti})", tuple(_through_gentl(cti))) if cti else Search("GenTL", problem=_which_cti())
    aravis = _search("Aravis (GigE Vision, USB3 Vision)", _through_aravis)
    closed = Search("USB3 Vision") if aravis.problem else _search("USB3 Vision", _closed_usb)
    v4l2 = _search("V4L2 (/dev/video*)", _through_v4l2)
    return [aravis, *([closed] if closed.problem else []), v4l2, gentl]


def _as_json(searches: list[Search]) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "cameras": [asdict(camera) for search in searches for camera in search.found],
        "searched": [search.where for search in searches if not search.problem],
        "not_searched": {search.where: search.problem for search in searches if search.problem},
    }


def print_searches(searches: list[Search], as_json: bool) -> None:
    """A table of what was found, then where else nothing was found, and what could not be searched and why."""
    if as_json:
        print(json.dumps(_as_json(searches), indent=2))
        return
    console = Console(highlight=False)
    found = [camera for search in searches for camera in search.found]
    if found:
        table = _table(found)
        uncut = Measurement.get(console, console.options.update(max_width=_NO_LIMIT), table).minimum
        Console(highlight=False, width=max(console.width, uncut)).print(table)
    for search in searches:
        if search.problem:
            console.print(f"{search.where}: not searched: {search.problem}", style="yellow", markup=False)
        elif not search.found:
            console.print(f"{search.where}: no camera", markup=False)


def _table(cameras: list[SeenCamera]) -> Table:
    """However narrow the terminal, what must be typed is neither cut nor folded: only a camera's name is."""
    table = Table(box=SIMPLE_HEAD, collapse_padding=True)
    for title in ("driver", "device", "serial", "address"):
        longest = max(len(title), *(cell_len(getattr(seen, title)) for seen in cameras))
        table.add_column(title, no_wrap=True, min_width=longest)
    table.add_column("camera", min_width=_NAME_CELLS, overflow="fold")
    table.add_column("state")
    for seen in cameras:
        name = f"{seen.vendor} {seen.model}".strip()
        table.add_row(*map(Text, (seen.driver, seen.device, seen.serial, seen.address, name, seen.state)))
    return table


def _search(where: str, look: Callable[[], list[SeenCamera]]) -> Search:
    try:
        return Search(where, tuple(look()))
    except LinegateError as error:
        return Search(where, problem=str(error))


def _through_aravis() -> list[SeenCamera]:
    devices = import_module("agent.cameras.drivers.aravis_devices")  # ConfigError where Aravis is not installed
    return [
        SeenCamera(
            "aravis", seen.id, seen.vendor, seen.model, seen.serial, seen.address, seen.protocol,
            GIGE_STATES[control_at(seen.address)[0]] if "GigE" in seen.protocol else "unknown",
        )
        for seen in devices.seen_cameras()
    ]  # fmt: skip


def _closed_usb() -> list[SeenCamera]:
    """USB3 Vision cameras that Aravis cannot see: raises ConfigError with the rule that opens them."""
    closed = import_module("agent.cameras.drivers.aravis_devices").usb_cameras_without_permission()
    if closed:
        raise ConfigError(f"no permission on {'; '.join(closed)}")
    return []


def _through_v4l2() -> list[SeenCamera]:
    return [camera for node in sorted(V4L2.glob("video*")) if (camera := _v4l2_camera(node)) is not None]


def _v4l2_camera(node: Path) -> SeenCamera | None:
    """None: a node that delivers no video."""
    device = f"/dev/{node.name}"
    state: State = "free"
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        state = "no permission"
    except OSError:
        state = "unknown"
    else:
        if not _captures(handle):
            return None
    name = (node / "name").read_text(errors="replace").strip()
    return SeenCamera("opencv", device, "", name, "", "", "V4L2", state)


def _captures(handle: int) -> bool:
    capability = bytearray(QUERYCAP_BYTES)
    try:
        fcntl.ioctl(handle, QUERYCAP, capability)
    except OSError:
        return False
    finally:
        os.close(handle)
    return bool(struct.unpack_from("=I", capability, DEVICE_CAPS_OFFSET)[0] & CAPTURES)


def _through_gentl(cti: Path) -> list[SeenCamera]:
    producer = Producer(cti)
    try:
        return [
            SeenCamera("genicam", seen.id, seen.vendor, seen.model, seen.serial, seen.name, seen.protocol,
                       "in use" if seen.held else "free")
            for seen, _ in producer.devices()
        ]  # fmt: skip
    finally:
        producer.close()


def _which_cti() -> str:
    folders = [Path(folder) for folder in os.environ.get("GENICAM_GENTL64_PATH", "").split(":") if folder]
    installed = [str(cti) for folder in folders for cti in sorted(folder.glob("*.cti"))]
    return "give --cti FILE" + (f", one of {', '.join(installed)}" if installed else " of a camera vendor's software")
