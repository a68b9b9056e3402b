"""The commands that a running station takes, by name, and what each does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.errors import Fault
from agent.inspection import Trigger
from agent.messages import ControlRequest
from agent.operators_hand import OperatorsHand
from agent.results.control import Command, Done
from agent.results.newest_photo import NewestPhoto


def taken_commands(
    operator: OperatorsHand,
    ask: Callable[[], Trigger],
    recipes: Callable[[], Mapping[int, tuple[str, str]]],
    photo: NewestPhoto,
    relearn: Callable[[], str],
    install: Callable[[str, str], str],
) -> dict[str, Command]:
    """`ask`: have a part inspected now; `recipes`: (name, …) by job number, now; `relearn`: what is usual.

    `install`: (sha256, who) → what was begun.
    """

    def challenge(_: ControlRequest) -> Done:
        operator.challenge_next()
        return Done("the next part to be inspected is a challenge")

    def trigger(_: ControlRequest) -> Done:
        made = ask()
        return Done(f"part {made.part_id} accepted", made)

    def job(request: ControlRequest) -> Done:
        number = find_recipe(request.argument, known := recipes())
        operator.select_job(number)
        return Done(f"job {number}, recipe '{known[number][0]}', for the parts that come from now on")

    return {
        "challenge": challenge,
        "trigger": trigger,
        "pause": lambda request: Done(operator.pause(request.who)),
        "resume": lambda _: Done(operator.resume()),
        "job": job,
        "model": lambda request: Done(install(request.argument, request.who)),
        "snapshot": photo.show,
        "clear": lambda _: Done(operator.clear_alarms()),
        "relearn": lambda _: Done(relearn()),
    }


def find_recipe(wanted: str, recipes: Mapping[int, tuple[str, str]]) -> int:
    """The job number of a recipe, by its number or its name. Raises Fault when there is none, or more than one."""
    found = [number for number, (name, *_) in recipes.items() if wanted in (str(number), name)]
    if len(found) != 1:
        known = ", ".join(f"{number} '{name}'" for number, (name, *_) in recipes.items())
        trouble = "is no recipe of this station" if not found else "is the name of more than one"
        raise Fault(f"'{wanted}' {trouble}: it has {known}")
    return found[0]
