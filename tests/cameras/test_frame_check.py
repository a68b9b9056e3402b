"""A photo that proves nothing is no decision: too dark, too bright, washed out, blurred, frozen, of another size."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import NoDecision
from agent.frame_check import Succession, check_frame, sharpness
from agent.inspection import Frame, Reason
from agent.procedural import KINDS, render_tile
from agent.recipe import FrameLimits, Recipe, load_recipe
from tests.conftest import ROOT, Linegate

LIMITS = FrameLimits(min_mean_grey=40, max_mean_grey=230, max_saturated=0.25, min_sharpness=0)


def grey(value: int, saturated_rows: int = 0, channels: int = 1) -> Frame:
    """A 100-row photo of one grey, with some rows at 255."""
    image = np.full((100, 80) if channels == 1 else (100, 80, channels), value, np.uint8)
    image[:saturated_rows] = 255
    return Frame(image, 1, 0)


@pytest.mark.parametrize("value", [40, 128, 230])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_good_photo_is_let_through_at_the_limits(value: int, channels: int) -> None:
    check_frame(grey(value, channels=channels), LIMITS)


@pytest.mark.parametrize(
    ("frame", "reason", "words"),
    [
        (grey(39), Reason.FRAME_QUALITY, "mean grey 39"),
        (grey(231), Reason.FRAME_QUALITY, "mean grey 231"),
        (grey(0), Reason.FRAME_QUALITY, "mean grey 0"),
        (grey(100, saturated_rows=26), Reason.FRAME_QUALITY, "26% of the pixels saturated"),
    ],
)
def test_a_photo_outside_the_limits_is_no_decision(frame: Frame, reason: Reason, words: str) -> None:
    with pytest.raises(NoDecision, match=words) as caught:
        check_frame(frame, LIMITS)
    assert caught.value.reason is reason


def test_saturation_is_allowed_up_to_its_share() -> None:
    check_frame(grey(100, saturated_rows=25), LIMITS)


@pytest.mark.parametrize("shape", [(1024, 1280), (1024, 1280, 3), (60, 4000), (40, 50)])
def test_a_large_photo_is_judged_by_a_sample_all_over_it(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 100, np.uint8)
    check_frame(Frame(image, 1, 0), LIMITS)
    image[: shape[0] // 3] = 255
    with pytest.raises(NoDecision, match=r"3[2-5]% of the pixels saturated"):
        check_frame(Frame(image, 1, 0), LIMITS)


@pytest.mark.parametrize("shape", [(512, 640), (512, 640, 3), (200, 300), (40, 50)])
def test_a_blurred_photo_is_no_proof(shape: tuple[int, ...]) -> None:
    sharp = np.random.default_rng(1).integers(60, 200, shape, np.uint8)
    limits = LIMITS.model_copy(update={"min_sharpness": sharpness(sharp) / 2})
    check_frame(Frame(sharp, 1, 0), limits)
    for blurred in (cv2.GaussianBlur(sharp, (0, 0), 2), cv2.blur(sharp, (9, 1)), cv2.blur(sharp, (1, 9))):
        with pytest.raises(NoDecision, match="blurred") as caught:
            check_frame(Frame(np.asarray(blurred, np.uint8), 1, 0), limits)
        assert caught.value.reason is Reason.FRAME_QUALITY


TILE = load_recipe(ROOT / "config" / "recipes" / "magnetic_tile.toml")


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("recipe", [TILE, Recipe(name="any", job=1, classes={})], ids=["shipped", "defaults"])
def test_black_white_and_one_grey_are_no_proof_whatever_the_model_says(value: int, recipe: Recipe) -> None:
    with pytest.raises(NoDecision) as caught:
        check_frame(grey(value), recipe.frame)
    assert caught.value.reason is Reason.FRAME_QUALITY


def test_the_shipped_recipe_takes_sharp_tiles_and_no_blurred_ones() -> None:
    rng = np.random.default_rng(1)
    for tile in (render_tile(rng, kind, 256, 256)[0] for kind in KINDS * 5):
        check_frame(Frame(tile, 1, 0), TILE.frame)
    for path in (ROOT / "config" / "sample_tiles").glob("*.png"):
        photo = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        check_frame(Frame(photo, 1, 0), TILE.frame)
        with pytest.raises(NoDecision, match="blurred"):
            check_frame(Frame(np.asarray(cv2.GaussianBlur(photo, (0, 0), 1.5), np.uint8), 1, 0), TILE.frame)


def test_check_warns_of_a_recipe_that_notices_no_blur(tmp_path: Path, linegate: Linegate) -> None:
    recipe = (ROOT / "config" / "recipes" / "magnetic_tile.toml").read_text()
    config = (ROOT / "config" / "timer.toml").read_text()
    path = tmp_path / "timer.toml"
    path.write_text(
        config.replace('"recipes/magnetic_tile.toml"', '"recipe.toml"')
        .replace('"../models', f'"{ROOT}/models')
        .replace('"sample_tiles"', f'"{ROOT}/config/sample_tiles"')
    )
    for line, warned in (("min_sharpness = 0", True), ("", True), ("min_sharpness = 12", False)):
        (tmp_path / "recipe.toml").write_text(re.sub(r"min_sharpness = 12.*", line, recipe))
        checked = linegate("check", path)
        assert checked.returncode == 0, checked.stderr
        assert ("notices no blur" in checked.stdout) == warned


def noisy(number: int, shape: tuple[int, ...] = (96, 128)) -> Frame:
    """A real sensor's photo: no two are alike."""
    return Frame(np.random.default_rng(number).integers(90, 110, shape, np.uint8), number, 0)


def reason_of(succession: Succession, frame: Frame) -> Reason:
    try:
        succession.check(frame)
    except NoDecision as cause:
        return cause.reason
    return Reason.OK


def test_the_same_picture_under_a_new_number_is_stale_as_often_as_it_comes() -> None:
    succession = Succession()
    frozen = noisy(1)
    again = [replace(frozen, frame_id=number, image=frozen.image.copy()) for number in (2, 3)]
    found = [reason_of(succession, frame) for frame in (frozen, *again, noisy(4), frozen)]
    assert found == [Reason.OK, Reason.FRAME_STALE, Reason.FRAME_STALE, Reason.OK, Reason.OK]


def test_one_pixel_of_noise_between_the_grid_points_is_enough_to_be_another_picture() -> None:
    succession = Succession()
    one = noisy(1)
    other = one.image.copy()
    other[7, 9] += 1
    assert reason_of(succession, one) is Reason.OK
    assert reason_of(succession, replace(one, image=other)) is Reason.OK


@pytest.mark.parametrize("shape", [(95, 128), (96, 129), (128, 96), (96, 64, 3)])
def test_a_photo_of_another_size_is_refused_and_the_old_size_stays_right(shape: tuple[int, ...]) -> None:
    succession = Succession()
    found = [reason_of(succession, frame) for frame in (noisy(1), noisy(2, shape), noisy(3, shape), noisy(4))]
    assert found == [Reason.OK, Reason.FRAME_SIZE, Reason.FRAME_SIZE, Reason.OK]


def test_a_size_that_was_ordered_holds_from_the_first_photo_on() -> None:
    succession = Succession((96, 128))
    assert reason_of(succession, noisy(1, (48, 64))) is Reason.FRAME_SIZE
    assert reason_of(succession, noisy(2)) is Reason.OK


def test_incomplete_photos_set_no_size_and_simulated_ones_may_repeat_and_differ() -> None:
    succession = Succession()
    assert reason_of(succession, replace(noisy(1, (7,)), complete=False)) is Reason.OK
    assert reason_of(succession, noisy(2)) is Reason.OK
    simulated = replace(noisy(3, (8, 8)), simulated=True)
    assert [reason_of(Succession(), frame) for frame in (simulated, simulated)] == [Reason.OK, Reason.OK]
