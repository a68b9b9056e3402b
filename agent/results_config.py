"""The tables of a station's file about results: [publisher], [journal], [shifts], [archive], [drift], [metrics]."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from agent.camera_config import ConfigPath
from agent.default_endpoints import CONTROL, REPLAY, RESULTS
from agent.toml import Milliseconds, Strict

GB = 1e9


class PublisherConfig(Strict):
    """ZeroMQ endpoints, who may use them, and what images travel with a result."""

    results: str = RESULTS
    replay: str = REPLAY
    control: str = CONTROL
    """Commands from an operator; without keys, whoever reaches it may give them."""
    images: Literal["none", "not_passed", "all"] = "not_passed"
    station_key: ConfigPath | None = None
    """This station's secret key, from `linegate keys new`: everything is encrypted, and only known clients get in …"""
    client_keys: ConfigPath | None = None
    """… whose public keys lie in this folder."""

    @model_validator(mode="after")
    def _both_or_none(self) -> PublisherConfig:
        if (self.station_key is None) != (self.client_keys is None):
            raise ValueError(
                "[publisher] station_key and client_keys go together: a key without a list of clients lets everybody in"
            )
        return self


MOST_WAIT_MS = 250
"""The loop's budget has no more for delivering a verdict (agent/health.py)."""


def _in_budget(wait_ms: float) -> float:
    if wait_ms > MOST_WAIT_MS:
        raise ValueError(
            f"should be at most {MOST_WAIT_MS}: a station that waits longer for a row counts as hung, and its "
            "heartbeat falls silent; the row is written all the same when the wait is over"
        )
    return wait_ms


class JournalConfig(Strict):
    """The record of every trigger."""

    required: bool = False
    """True: a verdict whose row is not on disk in time becomes NO_DECISION."""
    wait_ms: Annotated[Milliseconds, AfterValidator(_in_budget)] = 2.0
    keep_days: int = Field(default=730, ge=1)
    """So many days on which parts were recorded stay; the rows of older ones go."""
    max_gb: float = Field(default=10.0, gt=0)
    """So large may the file grow: then what was seen of good parts goes, and then the oldest rows."""


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("unknown time zone: give its IANA name, as 'Europe/Berlin' or 'UTC'")
    return name


def _clock_time(value: object) -> object:
    """'06:00', the only way to write it."""
    if isinstance(value, time):
        return value
    try:
        hours, minutes = str(value).split(":")
        return time(int(hours), int(minutes))
    except (TypeError, ValueError) as error:
        raise ValueError("give hours and minutes, as '06:00'") from error


RELATIVE_SHIFTS = ("current", "last")
"""What `linegate report --shift` takes beside names."""


class ShiftsConfig(Strict):
    """When shifts begin, by the clock on the wall; each lasts until the next one."""

    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    starts: dict[str, Annotated[time, BeforeValidator(_clock_time)]] = Field(default={"day": time(0, 0)}, min_length=1)
    """By the shift's name."""

    @model_validator(mode="after")
    def _told_apart(self) -> ShiftsConfig:
        if len(set(self.starts.values())) < len(self.starts):
            raise ValueError("shifts.starts: two shifts begin at the same time: give each its own")
        if odd := [name for name in self.starts if not name.strip() or name in RELATIVE_SHIFTS]:
            raise ValueError(
                f"shifts.starts: a shift cannot be called '{odd[0]}': `linegate report --shift` could not tell it apart"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class ArchiveConfig(Strict):
    """Images on disk: of every reject and every part without a decision, and of some that passed."""

    folder: ConfigPath | None = None
    """None: `archive` in the station's state_dir."""
    uncertain_margin: float = Field(default=0.02, ge=0, le=1)
    """A part whose margin is not larger is uncertain: the image is kept, whatever the verdict."""
    pass_every: int = Field(default=200, ge=0)
    """Of the parts that passed, one in so many; 0 = none."""
    max_gb: float = Field(default=20.0, gt=0)
    keep_days: int = Field(default=90, ge=1, le=36_500)
    min_free_gb: float = Field(default=2.0, ge=0)
    """So much of the disk stays free for everything else."""


class DriftConfig(Strict):
    """When light, lens, parts or model have changed since the station was set up."""

    baseline_parts: int = Field(default=2000, ge=100)
    """The first so many parts under a model and a recipe say what is usual."""
    sigmas: float = Field(default=6.0, ge=2, le=20)
    """Limits: so many standard errors of what was learnt to either side …"""
    min_change: float = Field(default=0.05, ge=0, le=1)
    """… but a change of brightness, sharpness or margin by less than this share is never news."""
    window_parts: int = Field(default=200, ge=10)
    """The mean of so many parts says where a figure is now, and whether it has come back."""


def _host_port(endpoint: str) -> str:
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("give host:port, as 127.0.0.1:9464")
    return endpoint


class MetricsConfig(Strict):
    """Figures for Prometheus, at http://endpoint/metrics; whoever reaches it may read them."""

    endpoint: Annotated[str, AfterValidator(_host_port)] = "127.0.0.1:9464"
