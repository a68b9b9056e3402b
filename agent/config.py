"""One typed TOML file = one station. Unknown keys fail; relative paths are relative to the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from agent.model_contract import Provider
from agent.plc_config import AlarmConfig, PlcConfig, RejectConfig
from agent.toml import Milliseconds, Strict, load_toml

NamePart = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


def _beside_config(path: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / path.expanduser()


ConfigPath = Annotated[Path, AfterValidator(_beside_config)]


class StationConfig(Strict):
    """Who this station is; line and name are part of every topic."""

    line: NamePart
    name: NamePart
    state_dir: ConfigPath
    """Journal and agent epoch live here; it must survive restarts."""


class FolderCamera(Strict):
    """Replays the images of a folder in name order, over and over."""

    driver: Literal["folder"]
    path: ConfigPath


class SimulatedCamera(Strict):
    """Shows what the simulated line's belt has under the lens when its photo-eye fires."""

    driver: Literal["simulated"]
    endpoint: str = "tcp://127.0.0.1:5590"


class TriggerConfig(Strict):
    """How a part's photo comes about, and when it is too late for one.

    `hardware`: the photo-eye fires the camera and the PLC's ring only announces. `announced`: the camera is
    asked when the ring announces; for indexed belts, where the part stands still meanwhile.
    """

    mode: Literal["hardware", "announced"] = "hardware"
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


class CalibrationConfig(Strict):
    """Image pixels to millimetres, and the robot's axes."""

    x_mm_per_px: float = Field(gt=0)
    y_mm_per_px: float = Field(gt=0)
    origin_x_mm: float = 0.0
    origin_y_mm: float = 0.0
    rotation_deg: float = Field(default=0.0, ge=-360, le=360)


class ModelConfig(Strict):
    """Which model file, on which provider; there is no fallback to another."""

    path: ConfigPath
    provider: Provider
    threads: int = Field(default=2, ge=1, le=64)


class PublisherConfig(Strict):
    """ZeroMQ endpoints and what images travel with a result."""

    results: str = "tcp://127.0.0.1:5556"
    replay: str = "tcp://127.0.0.1:5557"
    control: str = "tcp://127.0.0.1:5558"
    """Commands from an operator; whoever reaches it may give them."""
    images: Literal["none", "not_passed", "all"] = "not_passed"


class JournalConfig(Strict):
    """The record of every trigger."""

    required: bool = False
    """True: a verdict whose row is not on disk in time becomes NO_DECISION."""
    wait_ms: Milliseconds = 2.0


class Config(Strict):
    """Everything one station needs to know."""

    station: StationConfig
    camera: Annotated[FolderCamera | SimulatedCamera, Field(discriminator="driver")]
    trigger: TriggerConfig
    calibration: CalibrationConfig
    model: ModelConfig
    recipe: ConfigPath
    """The station's own: in use while the PLC's JOB_SELECT is 0."""
    other_recipes: tuple[ConfigPath, ...] = ()
    """What JOB_SELECT may ask for besides."""
    plc: PlcConfig
    reject: RejectConfig = RejectConfig()
    alarm: AlarmConfig = AlarmConfig()
    publisher: PublisherConfig = PublisherConfig()
    journal: JournalConfig = JournalConfig()

    @model_validator(mode="after")
    def _arm_can_be_driven(self) -> Config:
        self.reject.require_sense(self.plc, self.trigger.min_pitch_ms)
        return self

    @model_validator(mode="after")
    def _right_frame_for_the_part(self) -> Config:
        """Refuse settings under which the next part could be photographed for this one (DESIGN §3.3)."""
        trigger, jitter_ms = self.trigger, self.trigger_jitter_ms
        shorten = "plc.scan_ms or " + ("trigger.capture_window_ms" if self.plc.profile == "bits" else "plc.cycle_ms")
        if jitter_ms > trigger.min_pitch_ms / 2:
            raise ValueError(
                f"trigger jitter {jitter_ms:.0f} ms exceeds half of trigger.min_pitch_ms = {trigger.min_pitch_ms:.0f}: "
                f"parts could be confused; shorten {shorten}, or space the parts out"
            )
        if self.plc.guard_ms < self.plc.scan_ms:
            raise ValueError(
                f"plc.guard_ms = {self.plc.guard_ms:.0f} is less than plc.scan_ms = {self.plc.scan_ms:.0f}: "
                "a PASS could come after the decision point; make it a scan plus one write"
            )
        if self.plc.decide_ms is not None and self.plc.decide_ms > trigger.min_pitch_ms:
            raise ValueError(
                f"plc.decide_ms = {self.plc.decide_ms:.0f} is longer than trigger.min_pitch_ms = "
                f"{trigger.min_pitch_ms:.0f}: in profile bits one part at a time is between photo-eye and decision "
                "point; space the parts out, move the arm closer, or use profile words"
            )
        drift_mm = trigger.belt_speed_mm_s * jitter_ms / 1000
        if trigger.mode == "announced" and drift_mm > trigger.view_slack_mm:
            raise ValueError(
                f"trigger.mode = 'announced' on a moving belt: the part drifts {drift_mm:.1f} mm, "
                f"trigger.view_slack_mm allows {trigger.view_slack_mm:.1f}: wire the photo-eye to the camera "
                "(mode = 'hardware') or stop the belt for the photo"
            )
        if trigger.mode == "hardware" and isinstance(self.camera, FolderCamera):
            raise ValueError("camera.driver = 'folder' has no trigger line: set trigger.mode = 'announced'")
        if trigger.mode == "announced" and isinstance(self.camera, SimulatedCamera):
            raise ValueError("camera.driver = 'simulated' is fired by its photo-eye: set trigger.mode = 'hardware'")
        return self

    @property
    def trigger_jitter_ms(self) -> float:
        """How far apart the true edge and what we make of it can lie: by the PLC's clock, or by our own poll."""
        if self.trigger.mode == "hardware":
            bits_ms = self.trigger.capture_window_ms if self.plc.profile == "bits" else 0.0  # between two good polls
            return 2 * self.plc.scan_ms + self.plc.sampling_ms + bits_ms + self.trigger.tolerance_ms
        return self.plc.scan_ms + self.plc.cycle_ms


def load_config(path: Path) -> Config:
    """Read and check a station's file; ConfigError lists every mistake with its key and remedy."""
    return load_toml(path, Config, "config")
