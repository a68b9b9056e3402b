"""Frames larger than the model: the patches leave no seam, no hole, and nothing unchecked."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.benches.tiling_bench import parse_size
from agent.config import TilingConfig, load_config
from agent.errors import ConfigError, NoDecision, UsageError
from agent.health import GRACE_MS
from agent.inspection import Defect, Image, Judgement, Reason
from agent.judge import Calibration, Judge, Segmentation
from agent.model_contract import InputSpec
from agent.open_station import SEGMENT_BUDGET_MS, SEGMENT_MARGIN, allow_segment, open_stages
from agent.procedural import KINDS, render_tile
from agent.recipe import ClassRule, Recipe, load_recipe
from agent.segmenter import Segmenter
from agent.tiling import TilePlan, spans
from tests.conftest import ROOT, Linegate
from tests.local_model import KERNEL_PX, NOT_VALID_AT, write_local_model

HEIGHT_PX, WIDTH_PX = 12, 16
OVERLAP_PX = KERNEL_PX - 1
"""Half of it on either side of a seam is as far as the model looks."""
MM_PER_PX = 0.1
SHIPPED = ROOT / "models" / "magnetic_tile.onnx"


@pytest.fixture(scope="module", params=[1, 4], ids=["batch 1", "batch 4"])
def tiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    path = tmp_path_factory.mktemp("model") / "local.onnx"
    return Segmenter(
        write_local_model(path, HEIGHT_PX, WIDTH_PX, request.param), tiling=TilingConfig(overlap_px=OVERLAP_PX)
    )


def photo(height_px: int, width_px: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, NOT_VALID_AT, (height_px, width_px), np.uint8)


def untiled(image: Image, folder: Path) -> Segmentation:
    """The same model, made as large as the image."""
    return Segmenter(write_local_model(folder / "whole.onnx", *image.shape[:2])).segment(image)


@settings(max_examples=100)
@given(height=st.integers(1, 50), width=st.integers(1, 70), seed=st.integers(0, 9))
def test_tiled_is_untiled_whatever_the_size(
    tiled: Segmenter, tmp_path_factory: pytest.TempPathFactory, height: int, width: int, seed: int
) -> None:
    image = photo(height, width, seed)
    found, expected = tiled.segment(image), untiled(image, tmp_path_factory.getbasetemp())
    assert np.array_equal(found.score_map, expected.score_map)
    assert np.array_equal(found.class_map, expected.class_map)
    assert found.box.to_image(0, 0) == (0, 0)


@given(st.integers(1, 3000), st.integers(2, 256), st.integers(0, 128))
def test_the_patches_of_an_axis_cover_it_once_and_keep_away_from_the_cuts(length: int, side: int, overlap: int) -> None:
    overlap = min(overlap, side // 2)
    patches = spans(length, side, overlap)
    kept = [pixel for patch in patches for pixel in range(length)[patch.kept]]
    assert kept == list(range(length))
    for patch in patches:
        assert range(length)[patch.shown].index(patch.kept.start) == patch.kept_inside.start - (
            (side - length) // 2 if length < side else 0
        )
        assert patch.kept_inside.stop - patch.kept_inside.start == patch.kept.stop - patch.kept.start
        assert patch.shown.stop - patch.shown.start == min(side, length), "no patch is padded while others are full"
    for left, right in pairwise(patches):
        shared = left.shown.stop - right.shown.start
        assert shared >= overlap
        assert right.kept.start - right.shown.start == shared // 2, "the seam is in the middle"
    assert len(patches) == 1 or (len(patches) - 1) * (side - overlap) < length - overlap, "and not one too many"


def test_grey_and_colour_come_as_the_model_wants_them(tiled: Segmenter, tmp_path: Path) -> None:
    grey = photo(30, 40)
    for image in (grey[..., None], cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)):
        assert np.array_equal(tiled.segment(image).score_map, untiled(grey, tmp_path).score_map)


def test_a_scaled_frame_is_tiled_as_if_it_had_come_so(tmp_path: Path) -> None:
    path = write_local_model(tmp_path / "m.onnx", HEIGHT_PX, WIDTH_PX)
    image = photo(90, 121)
    found = Segmenter(path, tiling=TilingConfig(overlap_px=OVERLAP_PX, scale=0.5)).segment(image)
    small = cv2.resize(image, (60, 45), interpolation=cv2.INTER_AREA)
    assert np.array_equal(found.score_map, untiled(np.asarray(small, np.uint8), tmp_path).score_map)
    assert found.box.to_image(59.5, 44.5) == (119.5, 89.5)


def test_two_frames_do_not_share_their_maps(tiled: Segmenter) -> None:
    first = tiled.segment(photo(30, 40))
    before = first.score_map.copy()
    tiled.segment(photo(30, 40, seed=1))
    assert np.array_equal(first.score_map, before)


def test_a_patch_that_is_not_valid_is_no_decision_wherever_it_lies(tiled: Segmenter) -> None:
    plan = TilePlan((30, 40), tiled.contract.input, TilingConfig(overlap_px=OVERLAP_PX))
    for patch in (patch for batch in plan.batches for patch in batch):
        image = photo(30, 40)
        image[patch.kept][0, 0] = NOT_VALID_AT
        with pytest.raises(NoDecision) as caught:
            tiled.segment(image)
        assert caught.value.reason is Reason.OUTPUT_INVALID
    tiled.segment(photo(30, 40))


class FallsSilent:
    """A session that answers `answers` times and then leaves its outputs as they were."""

    def __init__(self, session: object, answers: int) -> None:
        self._session, self._left = session, answers

    def run_with_iobinding(self, binding: object) -> None:
        self._left -= 1
        if self._left >= 0:
            self._session.run_with_iobinding(binding)  # type: ignore[attr-defined]


@pytest.mark.parametrize("batch", [1, 4])
def test_a_run_that_writes_nothing_is_no_decision_and_not_the_last_ones_answer(tmp_path: Path, batch: int) -> None:
    path = write_local_model(tmp_path / "m.onnx", HEIGHT_PX, WIDTH_PX, batch)
    plan = TilePlan((30, 40), InputSpec(height_px=HEIGHT_PX, width_px=WIDTH_PX, channels=1, batch=batch),
                    TilingConfig(overlap_px=OVERLAP_PX))  # fmt: skip
    for answers in range(len(plan.batches)):
        segmenter = Segmenter(path, tiling=TilingConfig(overlap_px=OVERLAP_PX))
        segmenter._session = FallsSilent(segmenter._session, answers)  # type: ignore[assignment]
        with pytest.raises(NoDecision):
            segmenter.segment(photo(30, 40))


def test_a_defect_across_seams_is_one_region_of_its_area(tiny_model: Path) -> None:
    """Dark on white: one that crosses a seam each way, one across the corner of four patches, one in the open."""
    image = np.full((180, 200), 255, np.uint8)
    for left, top, width, height in ((30, 20, 60, 5), (10, 40, 6, 80), (80, 70, 50, 50), (150, 10, 10, 10)):
        image[top : top + height, left : left + width] = 0
    found = judged(Segmenter(tiny_model, tiling=TilingConfig(overlap_px=8)), image)
    assert [(round(d.area_mm2), d.x_mm, d.y_mm) for d in found.defects] == [
        (2500, 104.5, 94.5), (480, 12.5, 79.5), (300, 59.5, 22), (100, 154.5, 14.5)
    ]  # fmt: skip


def judged(segmenter: Segmenter, image: Image, recipe: Recipe | None = None, mm_per_px: float = 1.0) -> Judgement:
    contract = segmenter.contract
    recipe = recipe or Recipe(name="test", job=1, classes=dict.fromkeys(contract.defect_classes, ClassRule()))
    return Judge(recipe, Calibration(mm_per_px, mm_per_px), contract).judge(segmenter.segment(image))


def test_the_shipped_model_finds_on_a_mosaic_what_it_finds_on_each_tile() -> None:
    alone, edge_to_edge = Segmenter(SHIPPED), Segmenter(SHIPPED, tiling=TilingConfig(overlap_px=0))
    side = alone.contract.input.height_px
    rng = np.random.default_rng(2)  # of some seeds' tiles the model, made for whole ones, judges a part otherwise
    tiles = [np.pad(render_tile(rng, kind, 256, 256)[0], (side - 256) // 2) for kind in (*KINDS, *KINDS)]
    mosaic = np.vstack([np.hstack(tiles[row : row + 4]) for row in (0, 4, 8)])
    whole = edge_to_edge.segment(mosaic)
    recipe = load_recipe(ROOT / "config/recipes/magnetic_tile.toml")
    overlapping = judged(Segmenter(SHIPPED, tiling=TilingConfig()), mosaic, recipe, MM_PER_PX).defects
    places = set()
    for place, tile in enumerate(tiles):
        top, left = place // 4 * side, place % 4 * side
        assert np.array_equal(whole.score_map[top : top + side, left : left + side], alone.segment(tile).score_map)
        for defect in judged(alone, tile, recipe, MM_PER_PX).defects:
            if defect.counts and defect.name in {"blowhole", "crack", "break", "fray"} and defect.area_mm2 > 0.3:
                places.add(defect.name)
                assert any(is_at(other, defect, left * MM_PER_PX, top * MM_PER_PX) for other in overlapping), defect
    assert places == {"blowhole", "crack", "break", "fray"}


def is_at(found: Defect, alone: Defect, left_mm: float, top_mm: float) -> bool:
    """The same defect, of a tile at this place of the mosaic; a tile's neighbours may change its edge a little."""
    return (
        found.name == alone.name
        and found.counts
        and abs(found.x_mm - left_mm - alone.x_mm) < 4 * MM_PER_PX
        and abs(found.y_mm - top_mm - alone.y_mm) < 4 * MM_PER_PX
        and found.area_mm2 == pytest.approx(alone.area_mm2, rel=0.25)
    )


def test_a_frame_of_many_patches_is_not_taken_for_a_hung_model(tmp_path: Path) -> None:
    """The time that the stages may take follows the size of the frames, back and forth."""
    segmenter = Segmenter(
        write_local_model(tmp_path / "m.onnx", HEIGHT_PX, WIDTH_PX, 2), tiling=TilingConfig(overlap_px=OVERLAP_PX)
    )
    segmenter.bare_ms = 100.0
    stages = open_stages(load_config(ROOT / "config" / "simulation.toml"))
    allow_segment(stages, segmenter)
    rest_ms = stages.loop.budget_ms - stages.segment.budget_ms
    for shape, runs in (((30, 40), 6), ((10, 10), 1), ((30, 28), 4)):
        segmenter.segment(photo(*shape))
        expected_ms = max(SEGMENT_BUDGET_MS, SEGMENT_MARGIN * runs * 100.0)
        assert stages.segment.budget_ms == expected_ms, shape
        assert stages.loop.budget_ms == expected_ms + rest_ms
    stages.segment._begun_ns = 1
    assert stages.health.alive(int((expected_ms + GRACE_MS) * 1e6))
    assert not stages.health.alive(int((expected_ms + GRACE_MS + 1) * 1e6))


def test_an_overlap_that_the_model_cannot_have_is_refused(tmp_path: Path) -> None:
    path = write_local_model(tmp_path / "m.onnx", HEIGHT_PX, WIDTH_PX)
    with pytest.raises(ConfigError, match=r"overlap_px = 7 is more than half .* of 16 × 12 px: make it 6 or less"):
        Segmenter(path, tiling=TilingConfig(overlap_px=7))


def test_check_says_what_tiling_costs_and_warns(linegate: Linegate, tmp_path: Path) -> None:
    text = (ROOT / "config/simulation.toml").read_text().replace('"../', f'"{ROOT}/')
    text = (
        text.replace('"recipes/', f'"{ROOT}/config/recipes/')
        .replace('"sample_tiles"', f'"{tmp_path}"')
        .replace("[model]", "[model]\ntiling = {}")
    )
    cv2.imwrite(str(tmp_path / "large.png"), np.full((600, 2000), 128, np.uint8))
    path = tmp_path / "station.toml"
    region = "{ x_px = 0, y_px = 0, width_px = 2000, height_px = 500 }"
    path.write_text(text + f"\n[view]\nrotate_deg = 90\nregion = {region}\n")
    result = linegate("check", path)
    assert result.returncode == 0, result.stderr
    assert "500 × 2000 px in 2 × 7 patches of 320 × 320 px: 14 runs" in result.stdout
    assert re.search(r"trigger.min_pitch_ms = 50 is shorter than the least that .*view.region", result.stdout)


def test_bench_refuses_what_is_no_size(linegate: Linegate) -> None:
    assert parse_size("2448x2048") == (2448, 2048)
    for wrong in ("2448", "0x100", "100x99999", "axb", "2x3x4", "-1x5", ""):
        with pytest.raises(UsageError):
            parse_size(wrong)
    result = linegate("bench", "--frame", "2448")
    assert result.returncode == 2
    assert result.stderr == "error: --frame 2448: give WIDTHxHEIGHT in pixels, each up to 16384, as 2448x2048\n"
