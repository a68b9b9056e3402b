"""Presence: a part that enters the view is one part, whatever it does there, and light is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.camera_config import PresenceConfig, RegionConfig, ViewConfig
from agent.cameras.entering import Entering
from agent.cameras.presence import LEARN_VIEWS, Presence
from agent.errors import Fault
from agent.inspection import Frame, Image
from agent.view import View

HEIGHT, WIDTH = 48, 96
STEP_NS = 50_000_000
START_NS = 10**12
STAYS = 25
"""Frames in a little more than a second."""


def empty_belt(seed: int) -> Image:
    """A belt with some structure."""
    rough = np.random.default_rng(seed).integers(60, 120, (HEIGHT // 4, WIDTH // 4), np.uint8)
    return np.kron(rough, np.ones((4, 4), np.uint8))


class Scene:
    """What a camera over that belt sees, with the sensor's noise, one frame each STEP_NS."""

    def __init__(self, seed: int = 1, factor: float = 1.0) -> None:
        self._belt, self.factor = empty_belt(seed), factor
        self._noise = np.random.default_rng(seed)
        self.frames = 0

    def frame(self, *parts: tuple[float, float]) -> Frame:
        """`parts`: (left, right) on the belt, half of them perhaps outside the view."""
        image = self._belt.astype(float)
        for left, right in parts:
            image[8:40, max(0, round(left)) : max(0, round(right))] = 200
        image = image * self.factor + self._noise.normal(0, 3, image.shape)
        self.frames += 1
        return Frame(np.clip(image, 0, 255).astype(np.uint8), self.frames, START_NS + self.frames * STEP_NS)

    def empty(self, frames: int = LEARN_VIEWS) -> Iterator[Frame]:
        return (self.frame() for _ in range(frames))

    def passing(self, length: float, speed: float) -> Iterator[Frame]:
        """A part from its entry to its exit, by `speed` px a frame."""
        return (self.frame((lead - length, lead)) for lead in np.arange(speed / 2, WIDTH + length, speed))


def found(presence: Presence, frames: Iterable[Frame]) -> list[Frame]:
    return [part for frame in frames if (part := presence.see(frame.image, frame))]


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def presence(scene: Scene) -> Presence:
    presence = Presence(PresenceConfig())
    assert not found(presence, scene.empty())
    assert presence.learned
    return presence


@settings(max_examples=25)
@given(
    seed=st.integers(0, 50),
    lengths=st.lists(st.floats(20, 60), max_size=4),
    speed=st.floats(2, 15),
    gap=st.integers(1, 5),
)
def test_each_passing_part_is_found_once_and_whole(seed: int, lengths: list[float], speed: float, gap: int) -> None:
    scene, presence = Scene(seed), Presence(PresenceConfig())
    found(presence, scene.empty())
    for length in lengths:
        parts = found(presence, scene.passing(length, speed))
        parts += found(presence, scene.empty(gap))
        assert len(parts) == 1
        assert not (parts[0].image[8:40, [0, -1]] > 150).any(), "the part lies inside"


@settings(max_examples=25)
@given(reach=st.floats(25, 60), stands=st.integers(0, 60))
def test_a_part_that_never_lies_inside_is_found_once_where_most_of_it_is_seen(reach: float, stands: int) -> None:
    scene, presence = Scene(), Presence(PresenceConfig())
    found(presence, scene.empty())
    ways = [*np.arange(2, reach, 6), *[reach] * stands, *np.arange(reach, 0, -6)]
    leaving = ways.index(reach) + stands if stands else len(ways)
    parts = found(presence, [scene.frame((0, way)) for way in ways[:leaving]])
    assert parts or stands < 8, "of one that stands there the photo is given while it does"
    parts += found(presence, [scene.frame((0, way)) for way in ways[leaving:]])
    parts += found(presence, scene.empty(2))
    assert len(parts) == 1
    assert (parts[0].image[20] > 150).sum() >= max(way for way in ways) - 7


def test_a_part_that_stands_for_minutes_is_one_and_is_not_learned(presence: Presence, scene: Scene) -> None:
    entering = found(presence, (scene.frame((lead - 30, lead)) for lead in range(5, 60, 5)))
    assert len(entering) == 1
    assert not found(presence, (scene.frame((30, 60)) for _ in range(1200)))
    assert presence.standing_s() > 60
    assert not found(presence, scene.empty(3))
    assert presence.standing_s() == 0
    assert len(found(presence, scene.passing(30, 5))) == 1


def test_two_parts_in_the_view_at_once_are_one(presence: Presence, scene: Scene) -> None:
    """Documented: the view must be shorter than the pitch."""
    leads = np.arange(5, WIDTH + 80, 5)
    frames = [scene.frame((lead - 30, lead), (lead - 75, lead - 45)) for lead in leads]
    assert len(found(presence, frames)) == 1


@settings(max_examples=40)
@given(factor=st.floats(0, 2.0, allow_subnormal=False), back=st.booleans())
def test_a_jump_of_the_light_is_no_part(factor: float, back: bool) -> None:
    scene, presence = Scene(), Presence(PresenceConfig())
    found(presence, scene.empty())
    for light in (factor, 1.0) if back else (factor,):
        scene.factor = light
        assert not found(presence, scene.empty(STAYS))
        assert presence.standing_s() == 0
    if scene.factor > 0.5:
        assert len(found(presence, scene.passing(40, 6))) == 1


def test_a_jump_of_the_light_over_a_part_does_not_blind(presence: Presence, scene: Scene) -> None:
    assert len(found(presence, [scene.frame((20, 60))])) == 1
    scene.factor = 1.5
    assert not found(presence, [scene.frame((20 + way, 60 + way)) for way in range(0, 100, 5)])
    assert not found(presence, scene.empty(STAYS))
    assert presence.light_changes
    assert len(found(presence, scene.passing(40, 6))) == 1


def uniform(grey: int, left: int = 0, right: int = WIDTH, belt: int = 100) -> Frame:
    """A part of one grey on a belt of one grey."""
    image = np.random.default_rng(left + right).normal(0, 2, (HEIGHT, WIDTH)) + belt
    image[:, left:right] += grey - belt
    return Frame(np.clip(image, 0, 255).astype(np.uint8), 0, 0)


@pytest.mark.parametrize(
    "covers",
    [
        [(2, 94)] * 10,
        [(0, 96)] * 3,
        [(0, 30), (0, 70), *[(0, 96)] * 5, (40, 96), (80, 96)],
        [(0, 96), (20, 96), (60, 96)],
        [(1, 95), (3, 96), (5, 96), (50, 96)],
    ],
    ids=["at once", "wholly", "entering and leaving", "leaving", "leaving slowly"],
)
def test_a_part_of_one_grey_that_fills_the_view_is_a_part(covers: list[tuple[int, int]]) -> None:
    views = [uniform(100)] * LEARN_VIEWS + [uniform(160, *cover) for cover in covers] + [uniform(100)] * STAYS
    frames = [replace(view, frame_id=number, captured_ns=number * STEP_NS) for number, view in enumerate(views)]
    presence = Presence(PresenceConfig())
    (part,) = found(presence, frames)
    assert (part.image > 130).mean() > 0.9, "most of it is seen"
    assert presence.light_changes == 0


def test_a_part_that_comes_right_after_a_jump_of_the_light_is_found_with_its_own_photo(
    presence: Presence, scene: Scene
) -> None:
    scene.factor = 1.6
    assert not found(presence, scene.empty(5))
    parts = found(presence, [*scene.passing(40, 12), *scene.empty(2), *scene.passing(40, 12), *scene.empty(STAYS)])
    assert len(parts) == 2
    assert all((part.image[20] > 250).sum() >= 38 for part in parts)
    assert presence.light_changes == 1


def test_light_that_fades_slowly_is_followed(presence: Presence, scene: Scene) -> None:
    for _ in range(1200):
        scene.factor *= 0.9995
        assert not found(presence, [scene.frame()])
    assert scene.factor < 0.6
    assert presence.light_changes == 0
    assert len(found(presence, scene.passing(40, 6))) == 1


def test_nothing_is_learned_while_something_moves(scene: Scene) -> None:
    presence = Presence(PresenceConfig())
    assert not found(presence, scene.passing(40, 10))
    assert not presence.learned
    assert not found(presence, scene.empty(LEARN_VIEWS + 5))
    assert presence.learned
    assert len(found(presence, scene.passing(40, 10))) == 1


def test_less_than_the_least_area_is_no_part(presence: Presence, scene: Scene) -> None:
    assert not found(presence, scene.passing(10, 5))


def test_only_the_view_counts() -> None:
    """What moves outside the region is nothing; the frame that is given is the camera's own."""
    region = RegionConfig(x_px=0, y_px=0, width_px=WIDTH, height_px=HEIGHT)
    entering, scene = Entering(PresenceConfig(), View(ViewConfig(region=region))), Scene()

    def beside(frame: Frame, grey: int) -> Frame:
        image = np.full((HEIGHT * 2, WIDTH), grey, np.uint8)
        image[:HEIGHT] = frame.image
        return Frame(image, frame.frame_id, frame.captured_ns)

    assert "learning" in entering.blind()
    frames = [beside(frame, 5 * frame.frame_id) for frame in (*scene.empty(), *scene.passing(40, 6))]
    (part,) = [part for frame in frames for part in entering.see(frame)]
    assert entering.blind() == ""
    assert part.frame in frames
    assert part.at_ns == part.frame.captured_ns


def test_frames_that_are_lost_or_unusable_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    entering, scene = Entering(PresenceConfig(), View(ViewConfig())), Scene()
    frames = list(scene.empty(12))
    frames[3] = Frame(frames[3].image, frames[3].frame_id, frames[3].captured_ns, complete=False)
    del frames[5:8]
    for frame in frames:
        entering.see(frame)
    assert "1 frames lost or not usable" in caplog.text
    scene.frames += 30
    entering.see(scene.frame())
    assert "33 frames lost or not usable" in caplog.text


def test_a_stream_that_shows_nothing_usable_ends_the_station() -> None:
    entering, scene = Entering(PresenceConfig(), View(ViewConfig())), Scene()
    torn = [Frame(frame.image, frame.frame_id, frame.captured_ns, complete=False) for frame in scene.empty(30)]
    assert not [part for frame in torn[:5] for part in entering.see(frame)]
    with pytest.raises(Fault, match="no usable frame for 1 s"):
        [entering.see(frame) for frame in torn[5:]]
