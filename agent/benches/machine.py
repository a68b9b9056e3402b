"""The computer on which a bench ran, in a line."""

from __future__ import annotations

import os
import platform

import onnxruntime as ort


def machine() -> str:
    """CPU, cores, Python, ONNX Runtime."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        model = next((line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")), "unknown CPU")
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, ONNX Runtime {ort.__version__}"
