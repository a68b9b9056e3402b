"""`linegate bench --frame`: what a frame larger than the model costs, against the bare runs of its patches.

Each round takes one whole frame and as many bare runs as it has batches, so that both see the same machine.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from agent.config import ModelConfig, TilingConfig, load_config
from agent.demo_view import add_percentiles
from agent.errors import UsageError
from agent.inspection import Image
from agent.judge import Calibration, Judge
from agent.preprocess import letterbox
from agent.recipe import ClassRule, Recipe
from agent.segmenter import Segmenter
from agent.shipped import shipped
from agent.tiling import TilePlan

Answer = TypeVar("Answer")
LEAST_ROUNDS = 3
MOST_SIDE_PX = 16_384


def run_tiling_bench(frame: str, tiling: TilingConfig, seconds: float, path: Path | None) -> None:
    """Print the table for a frame of `frame` ("2448x2048"): at least three rounds, more while `seconds` last.

    `path`: another model than the shipped one. Raises UsageError or ConfigError.
    """
    size = parse_size(frame)
    settings = load_config(shipped("config/demo.toml")).model
    settings = settings.model_copy(update={"tiling": tiling} | ({} if path is None else {"path": path}))
    bench = _Bench(settings, size)
    end_s = time.monotonic() + seconds
    for rounds in count():
        if rounds >= LEAST_ROUNDS and time.monotonic() >= end_s:
            break
        bench.one_round()
    for part in (bench.described(), bench.table(), bench.ratios()):
        Console(highlight=False).print(part)


def parse_size(text: str) -> tuple[int, int]:
    """'2448x2048' → (width, height) in pixels."""
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    size = tuple(map(int, found.groups())) if found else ()
    if len(size) != 2 or max(size) > MOST_SIDE_PX:
        raise UsageError(f"--frame {text}: give WIDTHxHEIGHT in pixels, each up to {MOST_SIDE_PX}, as 2448x2048")
    return size


class _Bench:
    """One model, one frame, and the times so far in ms."""

    def __init__(self, settings: ModelConfig, size: tuple[int, int]) -> None:
        self._size, tiling = size, settings.tiling or TilingConfig()
        self._tiled = Segmenter(settings.path, settings.provider, settings.threads, tiling)
        self._bare = Segmenter(settings.path, settings.provider, settings.threads)
        self._bare.self_test()
        contract = self._bare.contract
        self._patch = self._bare.golden_images()[0]
        self._frame = _frame_of(self._patch, size)
        self._plan = TilePlan(self._frame.shape, contract.input, tiling)
        recipe = Recipe(name="bench", job=1, classes=dict.fromkeys(contract.defect_classes, ClassRule()))
        self._judge = Judge(recipe, Calibration(0.1, 0.1), contract)
        self._tiled.segment(self._frame)  # the first one plans
        self._times_ms: dict[str, list[float]] = defaultdict(list)

    def one_round(self) -> None:
        """A whole frame, its judgement, the bare runs, and the letterbox that tiling replaces."""
        whole_ms, found = _timed(lambda: self._tiled.segment(self._frame))
        judge_ms, _ = _timed(lambda: self._judge.judge(found))
        bare_ms = [self._bare.segment(self._patch).run_ms for _ in self._plan.batches]
        letterbox_ms, _ = _timed(lambda: letterbox(self._frame, self._bare.contract.input))
        for name, value_ms in (
            ("whole", whole_ms),
            ("overhead", whole_ms - found.run_ms),
            ("bare frame", sum(bare_ms)),
            ("judge", judge_ms),
            ("letterbox", letterbox_ms),
        ):
            self._times_ms[name].append(value_ms)
        self._times_ms["bare"] += bare_ms

    def described(self) -> str:
        """The frame and its patches, in a line."""
        across, down = self._plan.grid
        spec, box = self._bare.contract.input, self._plan.box
        return (
            f"{self._size[0]} × {self._size[1]} px at scale {box.scale:g}: {across} × {down} patches of "
            f"{spec.width_px} × {spec.height_px} px, {len(self._plan.batches)} runs of batch {spec.batch}, "
            f"provider {self._bare.provider}"
        )

    def table(self) -> Table:
        """Every time with its percentiles."""
        runs, times = len(self._plan.batches), self._times_ms
        table = Table("ms", "median", "p90", "p99", "max", "n")
        add_percentiles(table, "bare run of the model", times["bare"])
        add_percentiles(table, f"{runs} bare runs in a row", times["bare frame"])
        add_percentiles(table, "frame → class map, tiled", times["whole"])
        add_percentiles(table, "  of this, not in the model", times["overhead"])
        add_percentiles(table, "class map → verdict", times["judge"])
        add_percentiles(table, "letterbox of the whole frame", times["letterbox"])
        return table

    def ratios(self) -> str:
        """The whole frame against the bare runs of the same round, and against what it spent in the model itself."""
        whole = np.array(self._times_ms["whole"])
        bare = whole / self._times_ms["bare frame"]
        own = whole / (whole - self._times_ms["overhead"])
        return (
            f"tiled frame / its bare runs of the same round: median {np.median(bare):.3f} ×, max {bare.max():.3f} ×; "
            f"/ its own time in the model: median {np.median(own):.3f} ×, max {own.max():.3f} ×"
        )


def _frame_of(patch: Image, size: tuple[int, int]) -> Image:
    """The image over and over, to a frame of (width, height)."""
    width_px, height_px = size
    across, down = -(-width_px // patch.shape[1]), -(-height_px // patch.shape[0])
    return np.ascontiguousarray(np.tile(patch, (down, across, *(1,) * (patch.ndim - 2)))[:height_px, :width_px])


def _timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    begun_ns = time.monotonic_ns()
    done = work()
    return (time.monotonic_ns() - begun_ns) / 1e6, done
