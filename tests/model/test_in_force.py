"""A part is inspected by what it was announced for, whatever is in force by then; and what nobody needs is let go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from agent.errors import NoDecision
from agent.inspection import Reason, Trigger
from agent.inspector import Inspector
from agent.model.in_force import InForce
from agent.setup import Setup


@dataclass(eq=False)
class Fake:
    """As much of an inspector as counts here."""

    name: str
    model: object = field(default_factory=object)
    segmenter: object = field(default_factory=object)
    setup: Setup = field(default_factory=Setup)


class World:
    """Parts are announced for the setup that was told last."""

    def __init__(self, fallback: Fake | None = None) -> None:
        self.first, self.retired, self.turned = Fake("first"), [], []
        self.in_force = InForce(cast(Inspector, self.first), cast(Any, fallback), self.retired.append)
        self.setup, self.waiting = self.first.setup, list[Setup]()
        self.in_force.begin(self.announce, self.turned.append)

    def announce(self, setup: Setup) -> list[Setup]:
        self.setup = setup
        return self.waiting

    def part(self) -> Trigger:
        self.waiting.append(self.setup)
        return Trigger(1, 1, 1, 0, 0, 0, 0, setup=self.setup)

    def by(self, part: Trigger) -> str:
        assert part.setup
        self.waiting.remove(part.setup)
        return cast(Fake, self.in_force.of(part)).name


def test_a_part_that_was_announced_before_a_swap_is_inspected_by_the_old_one() -> None:
    world, second = World(), Fake("second")
    before = [world.part(), world.part()]
    world.in_force.swap(cast(Inspector, second), cast(Inspector, world.first))
    after = world.part()
    assert [world.by(part) for part in (*before, after)] == ["first", "first", "second"]
    assert world.retired == [world.first], "its parts have all come; it is kept elsewhere for the trial"
    assert world.turned == [world.first.segmenter, second.segmenter]


def test_a_model_that_fails_is_withdrawn_with_the_parts_that_waited_for_it() -> None:
    world, second = World(), Fake("second")
    world.in_force.swap(cast(Inspector, second), cast(Inspector, world.first))
    waiting = world.part()
    assert world.in_force.withdraw(cast(Any, second.model)) == (second, world.first)
    assert world.by(world.part()) == "first"
    with pytest.raises(NoDecision) as refused:
        world.by(waiting)
    assert refused.value.reason is Reason.MODEL_NOT_LOADED
    assert world.in_force.withdraw(cast(Any, second.model)) is None, "once"


def test_other_recipes_go_on_with_the_trial_and_back_with_its_end() -> None:
    world, second = World(), Fake("second")
    world.in_force.swap(cast(Inspector, second), cast(Inspector, world.first))
    again = Fake("second, other recipes", second.model, second.segmenter)
    first_again = Fake("first, other recipes", world.first.model, world.first.segmenter)
    exchange = world.in_force.exchange
    standing = world.in_force.standing()
    assert exchange(standing, cast(Inspector, again), cast(Inspector, first_again))
    assert not exchange(standing, cast(Inspector, second), None), "it is not in force any more"
    world.in_force.withdraw(cast(Any, second.model))
    assert world.by(world.part()) == "first, other recipes"


def test_a_trial_that_ends_while_something_is_prepared_is_not_undone_by_it() -> None:
    world, second, third = World(), Fake("second"), Fake("third")
    world.in_force.swap(cast(Inspector, second), cast(Inspector, world.first))
    standing = world.in_force.standing()
    assert world.in_force.end_trial(cast(Any, second.model)) is world.first
    again = Fake("second, other recipes", second.model, second.segmenter)
    assert not world.in_force.exchange(standing, cast(Inspector, again), cast(Inspector, world.first))
    assert not world.in_force.swap(cast(Inspector, third), cast(Inspector, world.first)), "the second is proven now"
    assert world.in_force.standing() == (second, None)


def test_a_model_that_was_replaced_on_trial_cannot_pass_but_fail() -> None:
    world, second, third = World(), Fake("second"), Fake("third")
    world.in_force.swap(cast(Inspector, second), cast(Inspector, world.first))
    waiting, failing = world.part(), world.part()
    world.in_force.swap(cast(Inspector, third), world.in_force.proven())
    assert world.by(waiting) == "second"
    assert world.in_force.end_trial(cast(Any, second.model)) is None
    assert world.in_force.withdraw(cast(Any, second.model)) == (second, third)
    with pytest.raises(NoDecision):
        world.by(failing)
    assert world.by(world.part()) == "third"
    assert world.in_force.withdraw(cast(Any, second.model)) is None, "once"
    assert world.in_force.end_trial(cast(Any, third.model)) is world.first, "the last that was proven"
    assert world.in_force.fallback is None


def test_on_a_line_that_stands_models_do_not_pile_up() -> None:
    world, second, third = World(), Fake("second"), Fake("third")
    waiting = world.part()
    world.in_force.swap(cast(Inspector, second), cast(Inspector, world.first))
    assert world.retired == [], "a part waits for it"
    world.in_force.swap(cast(Inspector, third), cast(Inspector, world.first))
    assert world.retired == [second], "no part has come, and none will"
    assert [world.by(part) for part in (waiting, world.part())] == ["first", "third"]


def test_a_part_that_expires_in_the_moment_of_a_swap_takes_nobody_with_it() -> None:
    world, second = World(), Fake("second")
    part = world.part()

    def turn_to(_: object) -> None:
        world.in_force.swap(cast(Inspector, second), cast(Inspector, world.first))

    world.in_force.begin(world.announce, turn_to)
    assert world.by(part) == "first", "it was taken when it was still waited for"
    assert world.by(world.part()) == "second"
