"""The pictures of docs/plc.md: what happens in each, and which lanes it takes to see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.inspection import Verdict
from docs.plc.timing.scene import Scene
from docs.plc.timing.served import served_bracket
from docs.plc.timing.svg import Lane, draw

EVENT = "what happens"
PART = ["photo-eye", "PLC: TRIG_HEAD", "Linegate: photo", "Linegate: inspecting", "Linegate: verdict",
        "PLC memory: RESULT", "PLC: oldest part", "decision point"]  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """`play` gives the lanes; those of `shown` are drawn, in this order."""

    title: str
    length_ms: int
    play: Callable[[], dict[str, Lane]]
    shown: Sequence[str]

    def svg(self) -> str:
        """As drawn from what the two sides say now."""
        lanes = self.play()
        return draw(self.title, [lanes.get(label, Lane(label)) for label in self.shown], self.length_ms)


def normal() -> dict[str, Lane]:
    script = {20: Scene.part, 300: Scene.part}
    return Scene(580, 200, 70, script, {2: Verdict.REJECT}).run().lanes


def late() -> dict[str, Lane]:
    return Scene(440, 200, 230, {20: Scene.part}).run().lanes


def plc_restart() -> dict[str, Lane]:
    def power_off(scene: Scene) -> None:
        scene.plc = None
        scene.note(EVENT, "PLC off")

    def power_on(scene: Scene) -> None:
        scene.start_plc(2)
        scene.note(EVENT, "PLC on, PLC_EPOCH 2, queue empty")

    script = {20: Scene.part, 70: power_off, 140: power_on, 230: Scene.part}
    return Scene(480, 200, 70, script).run().lanes


def agent_restart() -> dict[str, Lane]:
    def kill(scene: Scene) -> None:
        scene.agent = None
        scene.note(EVENT, "agent dies")

    def start(scene: Scene) -> None:
        scene.start_agent(2)
        scene.agent_ready = False
        scene.note(EVENT, "new process")

    def ready(scene: Scene) -> None:
        scene.agent_ready = True
        scene.note(EVENT, "self-test done")

    script = {20: Scene.part, 60: kill, 180: Scene.part, 800: start, 900: ready, 1000: Scene.part}
    return Scene(1300, 200, 70, script).run().lanes


def link_freeze() -> dict[str, Lane]:
    def freeze(scene: Scene) -> None:
        scene.linked = False
        scene.note(EVENT, "link freezes")

    def thaw(scene: Scene) -> None:
        scene.linked = True
        scene.note(EVENT, "link is back")

    script = {20: Scene.part, 60: freeze, 120: Scene.part, 330: thaw, 480: Scene.part}
    return Scene(900, 400, 70, script).run().lanes


def job_change() -> dict[str, Lane]:
    def select(scene: Scene) -> None:
        assert scene.plc is not None
        scene.plc.panel.job = 2
        scene.note(EVENT, "operator selects job 2, belt is empty")

    return Scene(320, 200, 70, {20: select, 100: Scene.part}).run().lanes


def challenge() -> dict[str, Lane]:
    script = {20: lambda scene: scene.part(challenge=True), 320: lambda scene: scene.part(challenge=True)}
    return Scene(620, 200, 70, script, {1: Verdict.REJECT}).run().lanes


PICTURES = {
    "normal": Picture("A good part and a bad one", 580, normal, PART),
    "late": Picture("The verdict comes too late", 440, late, PART),
    "plc_restart": Picture("The PLC restarts", 480, plc_restart, [
        EVENT, "PLC: PLC_EPOCH", "PLC memory: PLC_EPOCH_ECHO", "PLC: believes Linegate", "PLC: TRIGGER_ENABLE", *PART,
    ]),
    "agent_restart": Picture("Linegate dies and comes back", 1300, agent_restart, [
        EVENT, "PLC memory: AGENT_EPOCH", "PLC: believes Linegate", "PLC: TRIGGER_ENABLE", *PART,
    ]),
    "link_freeze": Picture("The link freezes for 270 ms", 900, link_freeze, [
        EVENT, "link", "PLC: believes Linegate", *PART,
    ]),
    "job_change": Picture("Another job", 320, job_change, [
        EVENT, "PLC: JOB_SELECT", "PLC memory: JOB_CURRENT", "PLC: TRIGGER_ENABLE", *PART,
    ]),
    "challenge": Picture("Challenge parts: the second one is not seen", 620, challenge, [
        *PART, "PLC memory: STOP_REQUEST", "PLC: TRIGGER_ENABLE",
    ]),
    "echo": Picture("Server's role: AGENT_HB_ECHO says how old a block is", 240, served_bracket, [
        "PLC reads (FC03)", "PLC scan", "PLC writes (FC16)", "photo-eye", "block was filled in", "Linegate: part is",
    ]),
}  # fmt: skip
"""By file name."""
