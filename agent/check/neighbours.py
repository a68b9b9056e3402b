"""Other stations of this computer, whose files lie beside this one: what two of them cannot share."""

from __future__ import annotations

from pathlib import Path

from agent.check.problems import Problems
from agent.clashes import clashes
from agent.config import Config, load_config
from agent.errors import ConfigError
from agent.video_source import shown

STATIONS = Path("/etc/linegate")
"""Each file in it is a station that systemd may run beside the others."""


def is_of_the_service(station: Path) -> bool:
    """Is it a file that systemd starts a station from?"""
    return station.resolve().parent == STATIONS.resolve()


def check_neighbours(config: Config, problems: Problems) -> None:
    """Only among files in the folder of the service: elsewhere two files may be one station twice."""
    own = problems.file.path.resolve()
    if not is_of_the_service(own):
        return
    for path in sorted(own.parent.glob("*.toml")):
        try:
            other = load_config(path) if path.resolve() != own else None
        except ConfigError:
            other = None  # another kind of file, or a station that does not start
        if other is not None:
            _compare(config, other, path.name, problems)


def _compare(config: Config, other: Config, name: str, problems: Problems) -> None:
    if config.station.state_dir.resolve() == other.station.state_dir.resolve():
        problems.error("station.state_dir", f"{name} has the same: each station needs its own")
    if (config.station.line, config.station.name) == (other.station.line, other.station.name):
        problems.warn("station.name", f"{name} has the same line and name: nobody can tell their results apart")
    theirs = {f"{name}:{key}": address for key, address in other.addresses().items() if key != "camera.endpoint"}
    for key, address in config.addresses().items():
        for complaint in clashes({key: address} | theirs):
            if complaint.startswith(f"{key} ="):
                problems.error(key, complaint)
    device = getattr(config.camera, "device", None) or getattr(config.camera, "source", None)
    if device and device in (getattr(other.camera, "device", None), getattr(other.camera, "source", None)):
        problems.error("camera", f"{name} has the same camera, {shown(device)}: only one station can have it")
