"""A vendor's GenTL producer (.cti), through EMVA's binding (genicam): what devices it shows.

The library is the vendor's, in this process: what it does wrong in C ends the station, which systemd starts again.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import CameraMissing, ConfigError, LinegateError
from agent.extras import how_to_install

try:
    from genicam import genapi as genapi
    from genicam import gentl as gentl
    from harvesters.core import RemoteDevice as RemoteDevice
except ImportError as error:
    MISSING = str(error)
    VENDOR_ERRORS: tuple[type[Exception], ...] = ()
    PASSING: tuple[type[Exception], ...] = ()
    gentl = genapi = RemoteDevice = None
else:
    MISSING = ""
    VENDOR_ERRORS = (gentl.GenericException, genapi.GenericException)
    PASSING = (gentl.ResourceInUseException, gentl.AccessDeniedException, gentl.BusyException, gentl.TimeoutException,
               gentl.IoException, gentl.AbortException, genapi.TimeoutException)  # fmt: skip

SEARCH_MS = 1000
HELD = (3, 4, 5, 6)
"""DEVICE_ACCESS_STATUS: no access, busy, open by this process for reading and writing, or for reading."""
FRAME = re.compile(r" : \w+ thrown in node | \(file '")
TEXT_BYTES = 1024
MUST_HAVE = ("GCInitLib", "TLOpen", "EventGetData", "DSQueueBuffer")


@dataclass(frozen=True)
class SeenDevice:
    """What a producer says of one device; an empty text: it does not say."""

    id: str
    name: str
    vendor: str
    model: str
    serial: str
    protocol: str
    held: bool
    """Somebody has it open."""

    def __str__(self) -> str:
        return f"{self.id} (serial {self.serial})" if self.serial else self.id


class Producer:
    """The library, loaded, its interfaces open.

    ConfigError: packages are missing, or it cannot be loaded (in its own words). CameraMissing: somebody else has it
    to himself.
    """

    def __init__(self, cti: Path) -> None:
        require_loadable(cti)
        self._opened = ExitStack()
        self._interfaces: list[Any] = []
        with closing_on_error(self._opened), in_vendors_words(f"camera.cti = '{cti}'", otherwise=ConfigError):
            system = self._open_system(cti)
            system.update_interface_info_list(SEARCH_MS)
            for info in system.interface_info_list:
                self._open_interface(info.create_interface())

    def devices(self) -> list[tuple[SeenDevice, Any]]:
        """Every device that can be seen now, with the handle to open it by."""
        found = []
        for interface in self._interfaces:
            interface.update_device_info_list(SEARCH_MS)
            found += [(_seen(info), info) for info in interface.device_info_list]
        return found

    def close(self) -> None:
        """Let go of interfaces and library."""
        close_quietly(self._opened)

    def _open_system(self, cti: Path) -> Any:
        library = gentl.GenTLProducer.create_producer()
        try:
            library.open(str(cti))
            self._opened.callback(library.close)
            system = library.create_system()
            system.open()
        except VENDOR_ERRORS as error:
            if refusal := _refusal(cti):
                raise ConfigError(f"camera.cti = '{cti}': {refusal}") from error
            raise
        self._opened.callback(system.close)
        return system

    def _open_interface(self, interface: Any) -> None:
        """One that cannot be opened (a network card that is down) shows no devices."""
        with suppress(*VENDOR_ERRORS):
            interface.open()
            self._opened.callback(interface.close)
            self._interfaces.append(interface)


@contextmanager
def in_vendors_words(what: str, otherwise: type[LinegateError]) -> Iterator[None]:
    """A vendor's error becomes ours: CameraMissing where it may pass (held, silent, cut off), else `otherwise`."""
    held = (gentl.ResourceInUseException, gentl.AccessDeniedException, gentl.BusyException)
    try:
        yield
    except held as error:
        raise CameraMissing(f"{what}: in use by somebody else, or no permission: {own_words(error)}") from error
    except PASSING as error:
        raise CameraMissing(f"{what}: {own_words(error)}") from error
    except VENDOR_ERRORS as error:
        raise otherwise(f"{what}: {own_words(error)}") from error


def own_words(error: Exception) -> str:
    """A vendor's error on one line, without the binding's frame around it."""
    text = " ".join(str(error).split()).removeprefix("GenTL exception: ").replace("(Message from the source: ) ", "")
    return FRAME.split(text)[0].rstrip(". ")


@contextmanager
def closing_on_error(opened: ExitStack) -> Iterator[None]:
    """What was opened before an error is let go of."""
    try:
        yield
    except BaseException:
        close_quietly(opened)
        raise


def close_quietly(opened: ExitStack) -> None:
    """All of it is tried, in reverse: a lost device answers some calls with errors."""
    with suppress(*VENDOR_ERRORS):
        opened.close()


def require_loadable(cti: Path) -> None:
    """Raise ConfigError unless packages and library are there.

    The binding would call into a library that is no producer, and crash: looked at before.
    """
    if MISSING:
        raise ConfigError(f"camera.driver = 'genicam': {MISSING}: {how_to_install('genicam')}")
    if not cti.is_file():
        raise ConfigError(f"camera.cti = '{cti}': no such file: give the .cti of the camera vendor's software")
    try:
        library = ctypes.CDLL(str(cti))
    except OSError as error:
        raise ConfigError(f"camera.cti: {error}: install the vendor's software for this kind of computer") from error
    if not all(hasattr(library, name) for name in MUST_HAVE):
        raise ConfigError(f"camera.cti = '{cti}': a library, but no GenTL producer: give the vendor's .cti")


def _refusal(cti: Path) -> str:
    """Why the library does not start, as for want of a licence; the binding keeps that to itself."""
    library = ctypes.CDLL(str(cti))
    if library.GCInitLib() == 0:
        library.GCCloseLib()
        return ""
    code, text, size = ctypes.c_int32(), ctypes.create_string_buffer(TEXT_BYTES), ctypes.c_size_t(TEXT_BYTES)
    library.GCGetLastError(ctypes.byref(code), text, ctypes.byref(size))
    return " ".join(text.value.decode(errors="replace").split()) or "it does not start, and does not say why"


def _seen(info: Any) -> SeenDevice:
    def said(key: str) -> Any:
        try:
            return getattr(info, key)
        except VENDOR_ERRORS:
            return ""

    return SeenDevice(
        id=said("id_"),
        name=said("user_defined_name"),
        vendor=said("vendor"),
        model=said("model"),
        serial=said("serial_number"),
        protocol=said("tl_type"),
        held=said("access_status") in HELD,
    )
