"""`linegate bench --compare`: two model files on this machine, a run of each in turn, as the machine itself changes."""

from __future__ import annotations

import time
from itertools import cycle
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from agent.benches.machine import machine
from agent.config import load_config
from agent.demo_view import add_percentiles
from agent.segmenter import Segmenter
from agent.shipped import shipped

WARM_UP = 20
"""Runs of each that do not count."""


def run_compare_bench(paths: tuple[Path, Path], seconds: float) -> None:
    """Print bare runs on the first file's golden samples, back to back, and their ratio. Raises ConfigError, Fault."""
    settings = load_config(shipped("config/demo.toml")).model
    segmenters = [Segmenter(path, settings.provider, settings.threads) for path in paths]
    for segmenter in segmenters:
        segmenter.self_test()
    times_ms: list[list[float]] = [[], []]
    end_s = time.monotonic() + seconds
    for image in cycle(segmenters[0].golden_images()):
        for segmenter, so_far in zip(segmenters, times_ms, strict=True):
            so_far.append(segmenter.segment(image).run_ms)
        if time.monotonic() >= end_s and len(times_ms[0]) > WARM_UP:
            break
    table = Table("bare run, ms", "median", "p90", "p99", "max", "n")
    for path, segmenter, so_far in zip(paths, segmenters, times_ms, strict=True):
        add_percentiles(table, f"{path.name} ({segmenter.contract.precision})", so_far[WARM_UP:])
    one, other = (np.array(so_far[WARM_UP:]) for so_far in times_ms)
    console = Console(highlight=False)
    console.print(f"{machine()}, provider {settings.provider}, {settings.threads} threads", soft_wrap=True)
    console.print(table)
    console.print(f"first / second of the same round: median {np.median(one / other):.2f} ×")
