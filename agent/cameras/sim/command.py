"""`linegate camera sim`: options, manual, and what it says at its start."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cameras.sim.commands import MENU
from agent.cameras.sim.faults import FAULTS
from agent.errors import UsageError, exit_on_error

if TYPE_CHECKING:
    from agent.cameras.sim.camera import GigeCamera, Options

SERIAL_CHARACTERS = 15
Line = Annotated[str, typer.Option(help="The simulated line's camera wire, plc sim's --camera.")]
Address = Annotated[str, typer.Option(help="IPv4 address of this computer to be found at; UDP port 3956.")]
Serial = Annotated[str, typer.Option(help="Serial number.")]
Sensor = Annotated[str, typer.Option(help="Pixels, width x height; a part of the demo is 256x256.")]
Fault = Annotated[list[str], typer.Option(help="KIND=SHARE: so many of all images meet it; may be given again.")]
Seed = Annotated[int, typer.Option(help="Same seed, same images meet the faults.")]
FrameLog = Annotated[Path | None, typer.Option(help="JSON lines: frame_id, captured_ns, fault of each image.")]

CAMERA_MANUAL = """A GigE Vision camera that shows the simulated belt.
Example: linegate camera sim --fault incomplete=0.02

It is a real camera at the wire: Aravis, arv-tool and any other GigE Vision
host find it, set it up and stream from it. Its Line1 is wired to the
photo-eye of `linegate plc sim`: with TriggerMode = On it takes an image of
each part. TriggerSource = Software takes what came under the lens last;
TriggerMode = Off runs free at AcquisitionFrameRate.

  terminal 1: linegate plc sim
  terminal 2: linegate camera sim
  terminal 3: linegate run config/gige_demo.toml
"""
CAMERA_EPILOG = "Menu, to be typed or piped in while it runs:\n\n" + MENU.replace("[", "\\[")


def camera_sim(
    line: Line = "tcp://127.0.0.1:5590", address: Address = "127.0.0.1", serial: Serial = "LG1",
    sensor: Sensor = "256x256", fault: Fault = [], seed: Seed = 1, frame_log: FrameLog = None,  # noqa: B006 - typer's
) -> None:  # fmt: skip
    with exit_on_error():
        from agent.cameras.sim.camera import GigeCamera, Options
        from agent.cameras.sim.faults import ImageFaults
        from agent.cameras.sim.registers import Identity

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
        shares = dict(_share(text) for text in fault)
        if sum(shares.values()) > 1:
            raise UsageError(
                f"--fault: an image meets one fault at most, and these are {sum(shares.values()):.2f} of all"
            )
        identity = Identity(_serial(serial), _address(address), *_sensor(sensor))
        try:
            log = frame_log.open("w", encoding="utf-8") if frame_log else None
        except OSError as error:
            raise UsageError(f"--frame-log {frame_log}: {(error.strerror or '').lower()}: name a file") from error
        options = Options(identity, line, log)
        _run(options, GigeCamera(options, ImageFaults(shares, seed), _say))


def _share(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    with suppress(ValueError):
        if kind in FAULTS and 0 < float(share) <= 1:
            return kind, float(share)
    raise UsageError(f"--fault '{text}': write KIND=SHARE, as incomplete=0.02; KIND is one of {', '.join(FAULTS)}")


def _serial(text: str) -> str:
    if not (text.isascii() and text.isprintable() and 0 < len(text) <= SERIAL_CHARACTERS):
        raise UsageError(f"--serial '{text}': give 1…{SERIAL_CHARACTERS} printable ASCII characters")
    return text


def _address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except AddressValueError as error:
        raise UsageError(f"--address '{text}' is no IPv4 address: give one of this computer, as 127.0.0.1") from error


def _sensor(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    sizes = [int(size) for size in (width, height) if size.isdecimal()]
    if len(sizes) == 2 and all(16 <= size <= 8192 and size % 4 == 0 for size in sizes):
        return sizes[0], sizes[1]
    raise UsageError(f"--sensor '{text}': write WIDTHxHEIGHT, 16…8192 px each and a multiple of 4, as 640x480")


def _say(text: str) -> None:
    print(text, flush=True)


def _run(options: Options, camera: GigeCamera) -> None:
    import asyncio
    import signal

    from agent.cameras.sim.menu import CameraMenu

    async def run() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)

        def opened() -> None:
            _say(_greeting(options))
            CameraMenu(camera, _say, task.cancel).listen()

        with suppress(asyncio.CancelledError):
            await camera.run(opened)

    asyncio.run(run())


def _greeting(options: Options) -> str:
    identity = options.identity
    return (
        f"GigE Vision camera {identity.serial} on {identity.address}, {identity.sensor_width_px} × "
        f"{identity.sensor_height_px} px, shows {options.line}; type 'help' for its faults"
    )
