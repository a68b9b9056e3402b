"""`linegate camera`: what a vision engineer asks a camera before a station is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.errors import exit_on_error

ConfigArgument = Annotated[Path | None, typer.Argument(help="A station's TOML file.")]
DeviceOption = Annotated[
    str | None, typer.Option(help="Without a file: id, serial number or address, as `camera list` shows it.")
]
CtiOption = Annotated[Path | None, typer.Option(help="The vendor's GenTL producer; default with --device: Aravis.")]
ExposureOption = Annotated[float | None, typer.Option(min=1, help="With --device: µs.")]
FormatOption = Annotated[
    str | None, typer.Option(help="With --device: the camera's pixel format; default: Mono8.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as JSON.")]


def camera_list(cti: CtiOption = None, as_json: JsonOption = False) -> None:
    """Every camera that can be seen from here.  Example: linegate camera list"""
    with exit_on_error():
        from agent.cameras.commissioning.listing import print_searches, search_all

        print_searches(search_all(cti), as_json)


def camera_snap(
    output: Annotated[Path, typer.Option("--output", "-o", help="Image file to write: .png, .bmp, .tiff.")],
    config: ConfigArgument = None,
    device: DeviceOption = None,
    cti: CtiOption = None,
    exposure_us: ExposureOption = None,
    pixel_format: FormatOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="All that the camera gives, without the station's view.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds to wait for the frame.")] = 10.0,
) -> None:
    """One photo, as the station would take it.  Example: linegate camera snap config/line.toml -o frame.png"""
    with exit_on_error():
        from agent.cameras.commissioning.showing import shown
        from agent.cameras.commissioning.snap import snap

        snap(shown(config, device, cti, exposure_us, pixel_format), output, raw, timeout)


def camera_live(
    config: ConfigArgument = None,
    device: DeviceOption = None,
    cti: CtiOption = None,
    exposure_us: ExposureOption = None,
    pixel_format: FormatOption = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="How long; default: until Ctrl-C.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.01, max=1000, help="Photos a second, where the station asks for each.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a second, the last is the summary.")] = False,
) -> None:
    """Rate, gaps, brightness, sharpness, delays.  Example: linegate camera live config/line.toml --seconds 60"""
    with exit_on_error():
        from agent.cameras.commissioning.live import Duration, live
        from agent.cameras.commissioning.live_screen import Screen
        from agent.cameras.commissioning.showing import shown
        from agent.service import stop_on_signals

        camera = shown(config, device, cti, exposure_us, pixel_format)
        if rate is not None:
            camera.require_asked("--rate")
        live(camera, Duration(seconds, rate), Screen(as_json), stop_on_signals())
