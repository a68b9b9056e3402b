"""Linegate's agent: the daemon that inspects every part and lets only proven-good parts pass."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
"""ONNX Runtime would write to Microsoft, from a thread of its own, as soon as it is imported. A line tells nobody."""
