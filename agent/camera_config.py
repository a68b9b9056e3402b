"""The tables of a station's file that concern the camera: [camera], [trigger], [view]."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import cv2
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from agent.toml import Milliseconds, Strict
from agent.video_source import is_file

Mode = Literal["hardware", "announced", "timer", "software", "presence", "every_frame"]
SELF_TRIGGERED: frozenset[Mode] = frozenset({"timer", "software", "presence", "every_frame"})
"""No PLC announces the parts: the station finds or counts them itself, and no PLC is told the verdict."""
FREE_RUNNING: frozenset[Mode] = frozenset({"presence", "every_frame"})
"""Nobody asks the camera for a photo: whatever it delivers is looked at."""
ASKED: frozenset[Mode] = frozenset({"announced", "timer", "software"})
"""The station asks the camera for each photo."""
FIRED: frozenset[Mode] = frozenset({"hardware", "every_frame"})
"""Photo-eye or PLC fire the camera, each time."""


def _written(path: object) -> object:
    if isinstance(path, str) and (not path.strip() or "\0" in path):
        raise ValueError("should be a path: leave the key out where there is none")
    return path


def _beside_config(path: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / path.expanduser()


ConfigPath = Annotated[Path, BeforeValidator(_written), AfterValidator(_beside_config)]


class FolderCamera(Strict):
    """Replays images, a recording of `linegate record`, or a video, over and over."""

    modes: ClassVar[frozenset[Mode]] = ASKED | FREE_RUNNING
    driver: Literal["folder"]
    path: ConfigPath
    rate_per_s: float | None = Field(default=None, gt=0, le=1000)
    """presence, every_frame: images a second; left out = the times that were recorded, which plain images lack."""


class SimulatedCamera(Strict):
    """Shows what the simulated line's belt has under the lens when its photo-eye fires."""

    modes: ClassVar[frozenset[Mode]] = FIRED
    driver: Literal["simulated"]
    endpoint: str = "tcp://127.0.0.1:5590"


def _source_beside_config(source: str, info: ValidationInfo) -> str:
    return source if "://" in source else str(_beside_config(Path(source), info))


def _known_controls(controls: dict[str, float]) -> dict[str, float]:
    known = [name.removeprefix("CAP_PROP_").lower() for name in dir(cv2) if name.startswith("CAP_PROP_")]
    for name in controls:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean '{close[0]}'?" if close else "OpenCV's CAP_PROP_… in lower case, without the prefix"
            raise ValueError(f"unknown key 'camera.controls.{name}' ({remedy})")
    return controls


class OpencvCamera(Strict):
    """Whatever OpenCV can capture from: V4L2 device, RTSP or other URL, video file."""

    modes: ClassVar[frozenset[Mode]] = ASKED | FREE_RUNNING
    driver: Literal["opencv"]
    source: Annotated[str, Field(min_length=1), AfterValidator(_source_beside_config)]
    """/dev/video0, rtsp://…, udp://…, or a video file (a path is relative to the config file)."""
    width_px: int | None = Field(default=None, gt=0)
    height_px: int | None = Field(default=None, gt=0)
    rate_per_s: float | None = Field(default=None, gt=0, le=1000)
    fourcc: Annotated[str, Field(pattern=r"^.{4}$")] | None = None
    controls: Annotated[dict[str, float], AfterValidator(_known_controls)] = Field(default_factory=dict)
    """OpenCV's CAP_PROP_… in lower case without the prefix, as exposure, gain, focus: set and read back, in order."""
    open_timeout_ms: Milliseconds = 5000.0
    read_timeout_ms: Milliseconds = 2000.0
    """No frame for this long = the camera is lost."""
    latency_ms: float | None = Field(default=None, ge=0, le=10_000)
    """From exposure to the frame in hand, at least. To be given where a live source is asked for each photo, so that
    none exposed before its part is taken; else None = 0."""


class GenicamSettings(Strict):
    """What a GenICam camera is told after every opening, and must then say of itself (SFNC names)."""

    device: str
    """Id, serial number or address, as `linegate camera list` shows it."""
    trigger_selector: str = "FrameStart"
    trigger_source: str = "Line1"
    """hardware, every_frame: where the photo-eye is wired to. Software where the station asks for each photo."""
    trigger_activation: str = "RisingEdge"
    trigger_delay_us: float | None = Field(default=None, ge=0)
    exposure_us: float | None = Field(default=None, gt=0)
    """To be given for every camera that has an exposure."""
    gain_db: float | None = None
    pixel_format: str = "Mono8"
    width_px: int | None = Field(default=None, gt=0)
    height_px: int | None = Field(default=None, gt=0)
    offset_x_px: int | None = Field(default=None, ge=0)
    """Left out where a size is given = 0; where none is given = as the camera stands."""
    offset_y_px: int | None = Field(default=None, ge=0)
    rate_per_s: float | None = Field(default=None, gt=0)
    """presence: the free-running frame rate."""
    features: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Any other feature of this camera, by its GenICam name, written last."""


class AravisCamera(GenicamSettings):
    """GigE Vision or USB3 Vision through Aravis."""

    modes: ClassVar[frozenset[Mode]] = ASKED | FREE_RUNNING | {"hardware"}
    driver: Literal["aravis"]
    packet_size_bytes: int | None = Field(default=None, ge=576, le=65_535)
    """GigE: None = negotiated at every opening."""
    packet_delay_us: float = Field(default=0.0, ge=0)
    """GigE: between two packets, so that a switch is not overrun."""


class GenicamCamera(GenicamSettings):
    """Any camera with a vendor's GenTL producer, through Harvesters."""

    modes: ClassVar[frozenset[Mode]] = AravisCamera.modes
    driver: Literal["genicam"]
    cti: ConfigPath
    """The vendor's GenTL producer."""


Camera = Annotated[
    FolderCamera | SimulatedCamera | OpencvCamera | AravisCamera | GenicamCamera, Field(discriminator="driver")
]


class PresenceConfig(Strict):
    """mode = "presence": when a part has entered the view (agent/cameras/presence.py)."""

    min_area: float = Field(default=0.1, gt=0, lt=1)
    """Share of the view that must differ from the empty belt."""
    min_difference: int = Field(default=25, ge=1, le=255)
    """Grey levels by which a pixel differs from the empty belt."""


class TriggerConfig(Strict):
    """How a part's photo comes about, and when it is too late for one.

    With a PLC: `hardware`: the photo-eye fires the camera and the PLC's ring only announces. `announced`: the camera
    is asked when the ring announces; for indexed belts, where the part stands still meanwhile.
    Without: `timer`: the camera is asked every `period_ms`. `software`: when a command comes over ZeroMQ.
    `presence`: a part has entered the view of a free-running camera. `every_frame`: the camera is fired by somebody
    else, and each of its frames is a part.
    """

    mode: Mode = "hardware"
    capture_window_ms: Milliseconds = 100.0
    """A trigger older than this gets NO_DECISION and never a frame."""
    frame_timeout_ms: Milliseconds = 100.0
    tolerance_ms: Milliseconds = 5.0
    """Hardware mode: how far a frame's own time may lie outside the window in which the PLC saw the edge."""
    min_pitch_ms: Milliseconds
    """Least time between two parts."""
    belt_speed_mm_s: float = Field(default=0.0, ge=0)
    """While the photo is taken; 0 = the belt stands (indexed)."""
    view_slack_mm: float = Field(default=0.0, ge=0)
    """How far the part may move in the field of view and still be seen whole."""
    period_ms: Milliseconds | None = None
    """timer: from one photo to the next."""
    deadline_ms: Milliseconds = 1000.0
    """Without a PLC: a verdict later than this after the photo's trigger is NO_DECISION."""
    presence: PresenceConfig = PresenceConfig()


class RegionConfig(Strict):
    """A rectangle of the camera's image; the part lies in it."""

    x_px: int = Field(ge=0)
    y_px: int = Field(ge=0)
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)


class ViewConfig(Strict):
    """What of the camera's image is inspected, and how it lies."""

    region: RegionConfig | None = None
    """None = the whole image."""
    rotate_deg: Literal[0, 90, 180, 270] = 0
    """Clockwise, after the region was cut out."""
    colour: Literal["as_is", "grey", "colour"] = "as_is"


def _wrong_times(camera: Camera, trigger: TriggerConfig) -> Iterator[str]:
    """Rates and times that this mode does not use, or that cannot be kept."""
    pitch_ms, period_ms = trigger.min_pitch_ms, trigger.period_ms
    if trigger.mode == "timer" and period_ms is None:
        yield "missing key 'trigger.period_ms': with trigger.mode = 'timer', from one photo to the next"
    if trigger.mode != "timer" and period_ms is not None:
        yield "trigger.period_ms goes with trigger.mode = 'timer', and with no other"
    if trigger.mode == "timer" and period_ms is not None and pitch_ms > period_ms:
        yield (
            f"trigger.min_pitch_ms = {pitch_ms:g} is longer than trigger.period_ms = {period_ms:g}: no two photos lie "
            "so far apart; shorten the pitch, or take photos less often"
        )
    if not isinstance(camera, GenicamSettings):
        return
    if camera.rate_per_s is not None and trigger.mode != "presence":
        yield (
            f"camera.rate_per_s does not go with trigger.mode = '{trigger.mode}': each frame is fired or asked for; "
            "take it out"
        )
    if camera.exposure_us is not None and camera.exposure_us > pitch_ms * 1000:
        yield (
            f"camera.exposure_us = {camera.exposure_us:g} is longer than trigger.min_pitch_ms = {pitch_ms:g}: the next "
            "part is there before the photo is taken; expose shorter, or space the parts out"
        )


def _missing_latency(camera: Camera, mode: Mode) -> Iterator[str]:
    if not isinstance(camera, OpencvCamera) or mode in FREE_RUNNING:
        return
    if camera.latency_ms is None and not is_file(camera.source):
        yield (
            f"missing key camera.latency_ms: with trigger.mode = '{mode}' a photo that was taken before its part came "
            "could serve for it: measure the delay from exposure to the frame in hand (docs/cameras.md)"
        )


def wrong_company(camera: Camera, trigger: TriggerConfig, tables: Set[str]) -> Iterator[str]:
    """What does not go together in camera, trigger and the `tables` that were written, each with its remedy."""
    has_plc = "plc" in tables
    if trigger.mode not in camera.modes:
        able = ", ".join(repr(mode) for mode in sorted(camera.modes))
        yield f"camera.driver = '{camera.driver}' cannot do trigger.mode = '{trigger.mode}': it can do {able}"
    yield from _missing_latency(camera, trigger.mode)
    yield from _wrong_times(camera, trigger)
    if "presence" in trigger.model_fields_set and trigger.mode != "presence":
        yield "table [trigger.presence] goes with trigger.mode = 'presence', and with no other"
    if trigger.mode in SELF_TRIGGERED and has_plc:
        yield (
            f"trigger.mode = '{trigger.mode}' has no PLC that announces the parts: take out [plc], [reject] and "
            "[alarm], or let the PLC announce them (mode = 'hardware' or 'announced')"
        )
    if trigger.mode in SELF_TRIGGERED and not has_plc:
        for table in sorted({"reject", "alarm"} & tables):
            yield f"table [{table}] needs a PLC, and trigger.mode = '{trigger.mode}' has none: take it out"
    if trigger.mode not in SELF_TRIGGERED and "deadline_ms" in trigger.model_fields_set:
        yield f"trigger.deadline_ms does not go with trigger.mode = '{trigger.mode}': the PLC says how long there is"
    if trigger.mode not in SELF_TRIGGERED and not has_plc:
        yield f"missing table [plc]: with trigger.mode = '{trigger.mode}' the PLC announces each part"
