"""ONNX Runtime around one model file: contract check, provider check, bound buffers, self-test."""

from __future__ import annotations

import base64
import binascii
import hashlib
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from agent.config import TilingConfig
from agent.errors import ConfigError, Fault, NoDecision, first_line
from agent.inspection import Image, Reason
from agent.judge import Segmentation
from agent.model_contract import (
    CLASS_MAP,
    FULL,
    INPUT,
    SCORE_MAP,
    VALID,
    GoldenSample,
    ModelContract,
    Provider,
    parse_contract,
)
from agent.onnx_session import open_session, unchanged
from agent.preprocess import letterbox
from agent.tiling import TilePlan, require_overlap

POISON = 255
"""What the output buffers hold before a run: no class, no valid flag, and as a score the surest defect."""


class Segmenter:
    """One model on one provider. An object that exists is usable: everything is checked in the constructor.

    `path`: the ONNX file. `threads`: CPU threads of a run. `tiling`: None = an image larger than the model's input
    is shrunk into it. Raises ConfigError when the file is no model, was changed since its export, carries no contract,
    has other tensors than its contract says, the provider is not active, or patches of this model cannot overlap as
    asked; Fault when the GPU does not take it.
    """

    def __init__(
        self, path: Path, provider: Provider = "cpu", threads: int = 2, tiling: TilingConfig | None = None
    ) -> None:
        content = unchanged(path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._session = open_session(content, path, provider, threads)
        self.contract = parse_contract(self._session.get_modelmeta().custom_metadata_map, f"model {path}")
        self.provider = provider
        spec = self.contract.input
        _check_tensors(self._session, self.contract, path)
        if tiling:
            require_overlap(spec, tiling)
        self._input = np.zeros((spec.batch, spec.height_px, spec.width_px, spec.channels), np.uint8)
        self._class_map = np.empty((spec.batch, spec.height_px, spec.width_px), np.uint8)
        self._score_map = np.empty_like(self._class_map)
        self._valid = np.empty(spec.batch, np.uint8)
        self._binding = self._bind()
        self.bare_ms = 0.0
        """One run of the model on this device, at the median of the self-test; 0 before it."""
        self._tiling = tiling
        self._plan: TilePlan | None = None
        self._on_plan: Callable[[float], None] = lambda _: None

    def segment(self, image: Image) -> Segmentation:
        """uint8 HxW or HxWxC → class and score maps of its best defect class per pixel.

        The maps are the model's input in size; with tiling, the scaled image. Raises NoDecision(OUTPUT_INVALID) when
        the graph left an output unwritten or a logit was not finite, in any patch.
        """
        if self._tiling is None:
            return self._whole(image)
        if self._plan is None or self._plan.shape != image.shape:
            self._plan = TilePlan(image.shape, self.contract.input, self._tiling)
            self._on_plan(len(self._plan.batches) * self.bare_ms)
        return self._in_patches(image, self._plan)

    def on_plan(self, told: Callable[[float], None]) -> None:
        """Have `told` called with the expected ms of a tiled frame, before the first one of each size is run from now.

        In the thread that segments.
        """
        self._on_plan, self._plan = told, None

    @property
    def frame_shape(self) -> tuple[int, ...] | None:
        """Of the newest frame, where frames are tiled."""
        plan = self._plan
        return plan.shape if plan else None

    def expected_ms(self, shape: tuple[int, ...] | None) -> float:
        """What the runs for a frame of this shape take, by the self-test; None: one run is enough."""
        if self._tiling is None or shape is None:
            return self.bare_ms
        return len(TilePlan(shape, self.contract.input, self._tiling).batches) * self.bare_ms

    def self_test(self) -> None:
        """Run the golden samples of the file on this device.

        ConfigError when an answer is out of tolerance or there is none; Fault when the GPU does not run it.
        """
        try:
            found = [self._whole(image) for image in self.golden_images()]
        except NoDecision as refusal:
            raise ConfigError(f"model self-test: {refusal}: export the model again") from refusal
        except RuntimeError as error:
            kind = ConfigError if self.provider == "cpu" else Fault  # a GPU may be held by a process that is ending
            raise kind(f"model self-test: it does not run ({first_line(error)}): export the model again") from error
        self.bare_ms = statistics.median(segmentation.run_ms for segmentation in found)
        for sample, segmentation in zip(self.contract.golden, found, strict=True):
            areas_px = self._areas_px(segmentation)
            for name, expected in sample.areas_px.items():
                if abs(areas_px[name] - expected) > sample.tolerance_px:
                    raise ConfigError(
                        f"model self-test '{sample.name}': {name} covers {areas_px[name]} px, the trained model gave "
                        f"{expected} ± {sample.tolerance_px}: this device computes differently, {self._remedy}"
                    )

    @property
    def _remedy(self) -> str:
        if self.contract.precision == FULL:
            return "do not use it"
        return f"take the {FULL} file of this model, not {self.contract.precision}"

    def golden_images(self) -> list[Image]:
        """The images of the golden samples, for a rehearsal."""
        return [_decode(sample) for sample in self.contract.golden]

    def _whole(self, image: Image) -> Segmentation:
        self._input[0], box = letterbox(image, self.contract.input)
        run_ms = self._run(1)
        return Segmentation(self._class_map[0].copy(), self._score_map[0].copy(), box, run_ms)

    def _in_patches(self, image: Image, plan: TilePlan) -> Segmentation:
        """Patch by patch, or as many at a time as the model takes; the maps are new ones, for others keep them."""
        scaled, run_ms = plan.scaled(image), 0.0
        class_map, score_map = np.empty(scaled.shape[:2], np.uint8), np.empty(scaled.shape[:2], np.uint8)
        for patches in plan.batches:
            for place, patch in enumerate(patches):
                self._input[place], _ = letterbox(scaled[patch.shown], self.contract.input)
            run_ms += self._run(len(patches))
            for place, patch in enumerate(patches):
                class_map[patch.kept] = self._class_map[place][patch.kept_inside]
                score_map[patch.kept] = self._score_map[place][patch.kept_inside]
        return Segmentation(class_map, score_map, plan.box, run_ms)

    def _run(self, used: int) -> float:
        """Run the first `used` images of the input, checked; its ms. What is left of the batch is not looked at."""
        for output in (self._class_map, self._score_map, self._valid):
            output.fill(POISON)
        begun_ns = time.monotonic_ns()
        self._session.run_with_iobinding(self._binding)
        run_ms = (time.monotonic_ns() - begun_ns) / 1e6
        if (self._valid[:used] != 1).any() or self._class_map.max() >= len(self.contract.classes):
            raise NoDecision(Reason.OUTPUT_INVALID, "the model's output is not finite or was not written")
        return run_ms

    def _areas_px(self, segmentation: Segmentation) -> dict[str, int]:
        thresholds = {name: max(1, round(score * 255)) for name, score in self.contract.thresholds.items()}
        return {
            name: int(((segmentation.class_map == index) & (segmentation.score_map >= thresholds[name])).sum())
            for index, name in enumerate(self.contract.defect_classes, start=1)
        }

    def _bind(self) -> ort.IOBinding:
        binding = self._session.io_binding()
        arrays = {CLASS_MAP: self._class_map, SCORE_MAP: self._score_map, VALID: self._valid}
        binding.bind_input(INPUT, "cpu", 0, np.uint8, self._input.shape, self._input.ctypes.data)
        for name, array in arrays.items():
            binding.bind_output(name, "cpu", 0, np.uint8, array.shape, array.ctypes.data)
        return binding


def _check_tensors(session: ort.InferenceSession, contract: ModelContract, path: Path) -> None:
    spec = contract.input
    maps = [spec.batch, spec.height_px, spec.width_px]
    wanted = {INPUT: [*maps, spec.channels], CLASS_MAP: maps, SCORE_MAP: maps, VALID: [spec.batch]}
    tensors = [*session.get_inputs(), *session.get_outputs()]
    found = {tensor.name: tensor.shape for tensor in tensors}
    if found != wanted or any(tensor.type != "tensor(uint8)" for tensor in tensors):
        raise ConfigError(f"model {path}: tensors {found} are not the contract's {wanted} in uint8: export it again")


def _decode(sample: GoldenSample) -> Image:
    try:
        png = np.frombuffer(base64.b64decode(sample.png_base64, validate=True), np.uint8)
    except binascii.Error:
        png = np.empty(0, np.uint8)
    image = cv2.imdecode(png, cv2.IMREAD_UNCHANGED) if png.size else None
    if image is None:
        raise ConfigError(f"golden sample '{sample.name}' is not an image: export the model again")
    return np.asarray(image, np.uint8)
