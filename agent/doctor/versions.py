"""What is installed, and whether it is what this Linegate was tested with."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import cv2
import numpy
import onnxruntime
import zmq

from agent.doctor.looking import NotKnown, answer, looked, peek, read
from agent.doctor.subject import Subject
from agent.finding import Finding, doubtful, right
from agent.shipped import shipped

RUNTIME = (
    "jinja2", "logging-journald", "numpy", "onnxruntime-gpu", "onnxruntime", "opencv-python", "prometheus-client",
    "pydantic", "pymodbus", "pyserial", "pyzmq", "rich", "typer", "tzdata",
)  # fmt: skip
"""What a station imports, by the names of the package index …"""
EXTRAS = ("pygobject", "harvesters", "genicam")
"""… and where a camera needs it."""


def examine_versions(subject: Subject) -> Iterator[Finding]:
    """Of this process: run the doctor by the station's own linegate."""
    yield right("linegate", f"{installed('linegate')}, Python {platform.python_version()}, {sys.prefix}")
    yield looked("libraries", _check_libraries)
    yield right("built with", f"libzmq {zmq.zmq_version()}, OpenCV {cv2.__version__}, NumPy {numpy.__version__}, "
                f"ONNX Runtime {onnxruntime.__version__} for {onnxruntime.get_device()}")  # fmt: skip
    yield right("system", f"{_os_name(subject.root)}, kernel {platform.release()}, {platform.machine()}")
    if subject.config.model.provider == "cuda":
        yield looked("CUDA", lambda: _check_driver(subject.root))
    if subject.config.camera.driver == "aravis":
        yield looked("Aravis", _check_aravis)


def installed(package: str) -> str:
    """Its version; "" = it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def versions_tested(text: str) -> dict[str, str]:
    """Package and version of each line `name==version` of a constraints file."""
    lines = (line.split("#")[0].split(";")[0].strip() for line in text.splitlines())
    pairs = (line.split("==") for line in lines if "==" in line)
    return {name.strip().lower().replace("_", "-"): version.strip() for name, version in pairs}


def _check_libraries() -> Finding:
    found = {name: version for name in (*RUNTIME, *EXTRAS) if (version := installed(name))}
    try:
        wanted = versions_tested(read(shipped("constraints.txt")))
    except OSError as error:
        raise NotKnown("the list of tested versions did not come with this installation") from error
    return judge_libraries(found, wanted)


def judge_libraries(found: Mapping[str, str], wanted: Mapping[str, str]) -> Finding:
    """Are they those that the tests ran with?"""
    other = [f"{name} {version} (tested: {wanted[name]})" for name, version in found.items()
             if wanted.get(name, version) != version]  # fmt: skip
    if other:
        return doubtful("libraries", ", ".join(other), "install again under constraints.txt, or test with these")
    return right("libraries", ", ".join(f"{name} {version}" for name, version in found.items()) + ": as tested")


def _os_name(root: Path) -> str:
    lines = peek(root / "etc/os-release").splitlines()
    named = dict(line.split("=", 1) for line in lines if "=" in line)
    return named.get("PRETTY_NAME", "an unnamed system").strip('"')


def _check_driver(root: Path) -> Finding:
    """The kernel's driver, and the CUDA that ONNX Runtime was built for."""
    driver = read(root / "proc/driver/nvidia/version").splitlines()[0].removeprefix("NVRM version:").strip()
    return right("CUDA", f"{driver}; {answer('nvidia-smi', '--version').splitlines()[-1].strip()}")


def _check_aravis() -> Finding:
    return right("Aravis", answer("dpkg-query", "-W", "libaravis-0.8-0").strip().replace("\t", " "))
