"""One typed TOML file = one station. Unknown keys fail; relative paths are relative to the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from agent.addresses import wrong_endpoints, wrong_host
from agent.camera_config import Camera, ConfigPath, SimulatedCamera, TriggerConfig, ViewConfig, wrong_company
from agent.clashes import clashes
from agent.errors import ConfigError
from agent.model_contract import Provider
from agent.plc_config import AlarmConfig, PlcConfig, RejectConfig
from agent.realtime import RealtimeConfig
from agent.results_config import (
    ArchiveConfig,
    DriftConfig,
    JournalConfig,
    MetricsConfig,
    PublisherConfig,
    ShiftsConfig,
)
from agent.toml import Strict, load_toml
from agent.toml_mistakes import Mistakes

HOST_PORT = ("metrics.endpoint", "plc.port")
"""Among a station's addresses those that are no ZeroMQ endpoints."""


def _part_of_topic(name: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        raise ValueError("should be letters, digits, - and _ alone")
    return name


NamePart = Annotated[str, AfterValidator(_part_of_topic)]


class StationConfig(Strict):
    """Who this station is; line and name are part of every topic."""

    line: NamePart
    name: NamePart
    state_dir: ConfigPath
    """Journal and agent epoch live here; it must survive restarts."""

    @property
    def journal(self) -> Path:
        """The record's file."""
        return self.state_dir / "journal.sqlite"


class CalibrationConfig(Strict):
    """Camera pixels to millimetres, and the robot's axes. x to the right, y down; the robot's rotation comes after."""

    file: ConfigPath | None = None
    """What `linegate calibrate` wrote: scale, perspective and lens …"""
    x_mm_per_px: float | None = Field(default=None, gt=0)
    """… or a plain scale, for a camera that looks straight down through a lens without distortion."""
    y_mm_per_px: float | None = Field(default=None, gt=0)
    origin_x_mm: float = 0.0
    """Where the camera image's upper left pixel lies in the robot frame."""
    origin_y_mm: float = 0.0
    rotation_deg: float = Field(default=0.0, ge=-360, le=360)
    """From the image's x axis to the robot's."""

    @model_validator(mode="after")
    def _one_scale(self) -> CalibrationConfig:
        if [self.file is None] * 2 != [self.x_mm_per_px is not None, self.y_mm_per_px is not None]:
            raise ValueError(
                "[calibration] takes either file (from linegate calibrate) or both x_mm_per_px and y_mm_per_px"
            )
        return self

    @property
    def mm_per_px(self) -> tuple[float, float]:
        """The plain scale, x and y; ConfigError where a calibration file gives it."""
        if self.x_mm_per_px is None or self.y_mm_per_px is None:
            raise ConfigError(f"calibration.file = {self.file} gives the scale: open the station's view with it")
        return self.x_mm_per_px, self.y_mm_per_px


class TilingConfig(Strict):
    """An image larger than the model's input is cut into patches of its size, not shrunk into it."""

    overlap_px: int = Field(default=32, ge=0)
    """What two neighbouring patches share at least; in scaled pixels. Each seam lies in the middle of an overlap."""
    scale: float = Field(default=1.0, gt=0, le=1)
    """The image is shrunk by this first, so that a defect is as large as in the photos the model was trained on."""


class ModelConfig(Strict):
    """Which model file, on which provider; there is no fallback to another."""

    path: ConfigPath
    provider: Provider
    threads: int = Field(default=2, ge=1, le=64)
    tiling: TilingConfig | None = None
    """None = the whole image is shrunk into the model's input, where it is larger."""


class Config(Strict):
    """Everything one station needs to know."""

    station: StationConfig
    camera: Camera
    trigger: TriggerConfig
    view: ViewConfig = ViewConfig()
    calibration: CalibrationConfig
    model: ModelConfig
    recipe: ConfigPath
    """The station's own: in use while the PLC's JOB_SELECT is 0."""
    other_recipes: tuple[ConfigPath, ...] = ()
    """What JOB_SELECT may ask for besides."""
    plc_table: PlcConfig | None = Field(default=None, alias="plc")
    """None: nobody announces parts or hears verdicts; results go to subscribers and journal alone."""
    reject: RejectConfig = RejectConfig()
    alarm: AlarmConfig = AlarmConfig()
    publisher: PublisherConfig = PublisherConfig()
    journal: JournalConfig = JournalConfig()
    shifts: ShiftsConfig = ShiftsConfig()
    drift: DriftConfig = DriftConfig()
    archive: ArchiveConfig | None = None
    """None: no images are kept."""
    metrics: MetricsConfig | None = None
    """None: nothing for Prometheus."""
    realtime: RealtimeConfig = RealtimeConfig()

    @model_validator(mode="after")
    def _goes_together(self) -> Config:
        if problems := [*self.disagreements(set(type(self).model_fields))]:
            raise Mistakes(problems)
        return self

    def disagreements(self, sound: Set[str]) -> Iterator[str]:
        """What does not go together; `sound`: fields that can be relied on, each naming its keys and the remedy."""
        tables = {type(self).model_fields[name].alias or name for name in self.model_fields_set}
        if {"camera", "trigger"} <= sound:
            yield from wrong_company(self.camera, self.trigger, tables)
        if {"trigger", "plc_table"} <= sound and self.has_plc:
            yield from _wrong_frames(self.trigger, self.plc)
        if {"trigger", "plc_table", "reject"} <= sound and self.has_plc:
            yield from self.reject.mistakes(self.plc, self.trigger.min_pitch_ms)
        if "plc_table" in sound and self.has_plc:
            yield from wrong_host("plc.host", self.plc.host)
        if {"plc_table", "realtime"} <= sound and self.realtime.link_priority and not self.has_plc:
            yield "realtime.link_priority is for the PLC's link, and there is no [plc]: leave it out"
        if {"publisher", "metrics", "plc_table", "camera"} <= sound:
            yield from wrong_endpoints({key: there for key, there in self.addresses().items() if key not in HOST_PORT})
            yield from clashes(self.addresses())

    def addresses(self) -> dict[str, str]:
        """Where this station, or a simulated line on the same computer, listens; by key."""
        there = {f"publisher.{what}": getattr(self.publisher, what) for what in ("results", "replay", "control")}
        if self.metrics:
            there["metrics.endpoint"] = self.metrics.endpoint
        if self.has_plc and self.plc.role == "server":
            there["plc.port"] = f"{self.plc.host}:{self.plc.port}"
        if isinstance(self.camera, SimulatedCamera):
            there["camera.endpoint"] = self.camera.endpoint
        return there

    def listening(self) -> Iterator[tuple[str, str, int]]:
        """Key, host and port of what the station itself listens on; what has no port, as ipc://, is left out."""
        for key, address in self.addresses().items():
            transport, _, place = address.rpartition("://")
            host, _, port = place.rpartition(":")
            if transport in ("", "tcp") and port.isdigit() and key != "camera.endpoint":
                yield key, host.strip("[]"), int(port)

    @property
    def has_plc(self) -> bool:
        """Is there one that announces the parts and hears the verdicts?"""
        return self.plc_table is not None

    @property
    def plc(self) -> PlcConfig:
        """[plc]; ConfigError when this station has none."""
        if self.plc_table is None:
            raise ConfigError(f"no table [plc]: with trigger.mode = '{self.trigger.mode}' this station has no PLC")
        return self.plc_table

    @property
    def trigger_jitter_ms(self) -> float:
        """How far apart the true edge and what we make of it can lie; 0 where no PLC stands between."""
        return jitter_ms(self.trigger, self.plc) if self.has_plc else 0.0


def jitter_ms(trigger: TriggerConfig, plc: PlcConfig) -> float:
    """How far apart the photo-eye's edge and what we make of it can lie: by the PLC's clock, or by our own poll."""
    if trigger.mode == "hardware":
        bits_ms = trigger.capture_window_ms if plc.profile == "bits" else 0.0  # between two good polls
        return 2 * plc.scan_ms + plc.sampling_ms + bits_ms + trigger.tolerance_ms
    return plc.scan_ms + plc.cycle_ms


def _wrong_frames(trigger: TriggerConfig, plc: PlcConfig) -> Iterator[str]:
    """Settings under which the next part could be photographed for this one (DESIGN §3.3)."""
    jitter = jitter_ms(trigger, plc)
    shorten = "plc.scan_ms or " + ("trigger.capture_window_ms" if plc.profile == "bits" else "plc.cycle_ms")
    if jitter > trigger.min_pitch_ms / 2:
        yield (
            f"trigger jitter {jitter:.0f} ms exceeds half of trigger.min_pitch_ms = {trigger.min_pitch_ms:g}: "
            f"parts could be confused; shorten {shorten}, or space the parts out"
        )
    if plc.guard_ms < plc.scan_ms:
        yield (
            f"plc.guard_ms = {plc.guard_ms:.0f} is less than plc.scan_ms = {plc.scan_ms:.0f}: "
            "a PASS could come after the decision point; make it a scan plus one write"
        )
    if plc.decide_ms is not None and plc.decide_ms > trigger.min_pitch_ms:
        yield (
            f"plc.decide_ms = {plc.decide_ms:.0f} is longer than trigger.min_pitch_ms = "
            f"{trigger.min_pitch_ms:g}: in profile bits one part at a time is between photo-eye and decision "
            "point; space the parts out, move the arm closer, or use profile words"
        )
    drift_mm = trigger.belt_speed_mm_s * jitter / 1000
    if trigger.mode == "announced" and drift_mm > trigger.view_slack_mm:
        yield (
            f"trigger.mode = 'announced' on a moving belt: the part drifts {drift_mm:.1f} mm, "
            f"trigger.view_slack_mm allows {trigger.view_slack_mm:.1f}: wire the photo-eye to the camera "
            "(mode = 'hardware') or stop the belt for the photo"
        )


def load_config(path: Path) -> Config:
    """Read and check a station's file; ConfigError lists every mistake with its key and remedy."""
    return load_toml(path, Config, "config")
