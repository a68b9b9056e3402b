"""`linegate doctor`: every group of checks, in order; one that fails is a finding, and the others go on."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from agent.config import Config, load_config
from agent.doctor.camera import examine_camera
from agent.doctor.disk import examine_disk
from agent.doctor.examined import Examined, Group, count
from agent.doctor.model import examine_model
from agent.doctor.network import examine_network
from agent.doctor.permissions import examine_permissions
from agent.doctor.plc import examine_plc
from agent.doctor.ports import examine_ports
from agent.doctor.processor import examine_processor
from agent.doctor.record import examine_record
from agent.doctor.running import running_station
from agent.doctor.service import examine_service
from agent.doctor.station import examine_station
from agent.doctor.subject import Subject
from agent.doctor.text import Paper
from agent.doctor.ticks import times_of
from agent.doctor.time_sync import examine_time
from agent.doctor.together import examine_together
from agent.doctor.versions import examine_versions
from agent.errors import LinegateError, UsageError, in_words
from agent.finding import Finding, Level, unknown, wrong
from agent.give_way import give_way
from agent.keys import ClientKeys, load_pair
from agent.realtime import SWITCH_INTERVAL_S
from agent.utc import utc_text

GROUPS: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "station": examine_station,
    "service": examine_service,
    "model": examine_model,
    "PLC": examine_plc,
    "camera": examine_camera,
    "camera, model and PLC together": examine_together,
    "network": examine_network,
    "ports": examine_ports,
    "computer": examine_processor,
    "disk": examine_disk,
    "time": examine_time,
    "permissions": examine_permissions,
    "versions": examine_versions,
    "record": examine_record,
}
"""What is measured first is used by those that follow."""


def run_doctor(path: Path, seconds: float, key: Path | None, as_json: bool) -> bool:
    """Print what is found; is nothing wrong? Raises ConfigError for a file that no station could have."""
    logging.getLogger("agent").setLevel(logging.CRITICAL)  # what it warns of is found and told here
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as in the station, whose delays are to be seen
    config = load_config(path)
    keys = _client_keys(config, key)
    paper = Paper()
    examined = examine(config, path, seconds, keys, (lambda _: None) if as_json else paper.group)
    if as_json:
        print(examined.model_dump_json(by_alias=True, indent=2))
    else:
        paper.end(examined)
    return examined.good


def examine(
    config: Config, path: Path, seconds: float, keys: ClientKeys | None, told: Callable[[Group], None]
) -> Examined:
    """`told` hears of each group when it is complete."""
    begun_s, groups = time.monotonic(), list[Group]()
    subject = Subject(config, path, seconds, running_station(config, keys), keys, times=times_of(Path("/")))
    if subject.running:
        give_way()
    for name, examine_group in GROUPS.items():
        group = Group(name=name, findings=list(_found(name, examine_group, subject)))
        groups.append(group)
        told(group)
    counts = count(groups)
    return Examined(
        line=config.station.line, station=config.station.name, config=str(path.resolve()),
        made_utc=utc_text(datetime.now(UTC)), took_s=round(time.monotonic() - begun_s, 2), running=subject.running,
        groups=groups, figures=subject.figures, good=not counts[Level.WRONG], counts=counts,
    )  # fmt: skip


def _found(name: str, examine_group: Callable[[Subject], Iterator[Finding]], subject: Subject) -> Iterator[Finding]:
    try:
        yield from examine_group(subject)
    except LinegateError as error:
        yield wrong(name, str(error), "the rest of this group could not be looked at")
    except OSError as error:
        yield unknown(name, f"not known: {error.filename or ''} {in_words(error)}".replace("  ", " "))


def _client_keys(config: Config, key: Path | None) -> ClientKeys | None:
    """By which a running station lets us in; its public key is beside its secret one."""
    if key is None:
        return None
    if config.publisher.station_key is None:
        raise UsageError("--key: this station has no keys: leave it out")
    return ClientKeys(load_pair(config.publisher.station_key).public, load_pair(key))
