"""The simulator's menu as a table: panel, belt and faults. Help, parser and dispatch come from it."""

from __future__ import annotations

from agent.plc.sim.console import Argument, Command, menu

WRONG_ANSWERS = ("fc", "short", "long", "echo", "exception", "unit", "silence", "garbage", "tid")
MS = Argument("MS", 1, 60_000)
ON_OFF = Argument("STATE", words=("on", "off"))
COMMANDS = (
    Command("restart", (Argument("MEMORY", words=("keep",), optional=True),),
            "PLC power cycle: 0.5 s off, next epoch; memory cleared or kept"),
    Command("epoch", (), "clear the part queue: next epoch without a restart"),
    Command("freeze", (MS,), "program and communication stand still: no answers"),
    Command("stall", (MS,), "the program stands still, old memory is served on"),
    Command("slow", (Argument("MS", 1, 2000), Argument("FOR_MS", 1, 3_600_000, optional=True)),
            "scan time MS for so long, or until the next 'slow'"),
    Command("torn", (Argument("N", 1, 100_000),), "the next N scans publish the block in two halves"),
    Command("wrong", (Argument("KIND", words=WRONG_ANSWERS), Argument("N", 1, 100_000, optional=True)),
            "the next answer, or N, is wrong: KIND is one of\n" + " " * 24 + " ".join(WRONG_ANSWERS)),
    Command("drop", (), "reset all connections"),
    Command("speed", (Argument("MM_S", 1, 20_000, whole=False),), "the belt goes at another speed than ordered"),
    Command("stop", (), "the belt stands although the PLC lets it run"),
    Command("go", (), "the belt goes as ordered again"),
    Command("lose", (), "take a part off the belt, between photo-eye and arm"),
    Command("ghost", (), "the photo-eye fires without a part"),
    Command("bounce", (), "the photo-eye fires twice for the next part"),
    Command("flash", (), "the camera is fired between the next two parts, and not by the photo-eye"),
    Command("unseen", (), "the camera misses the next part, and does not count it"),
    Command("jam", (MS,), "the arm stays in pass position"),
    Command("blind", (MS,), "the confirm sensor behind the arm sees nothing"),
    Command("challenge", (), "lay a test piece, known to be bad, on the belt next"),
    Command("offline", (ON_OFF,), "panel: SET_OFFLINE"),
    Command("bypass", (ON_OFF, Argument("KEY", words=("key",), optional=True)),
            "panel: BYPASS, all pass; 'bypass on key' has the key"),
    Command("reject-all", (ON_OFF,), "panel: REJECT_ALL"),
    Command("job", (Argument("N", 0, 65_535),), "panel: JOB_SELECT; 0 = the station's own"),
    Command("command", (Argument("N", 0, 65_535), Argument("ARG", 0, 65_535, optional=True)),
            "panel: CMD; 1 CLEAR_COUNTERS, 2 CHALLENGE_NEXT"),
    Command("clear", (), "panel: press CLEAR_FAULT"),
    Command("status", (), "what PLC, agent and belt say, on one screen"),
    Command("help", (), "this menu"),
    Command("quit", (), "end the simulator"),
)  # fmt: skip
MENU = menu(COMMANDS)
