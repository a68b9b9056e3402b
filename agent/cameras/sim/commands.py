"""The camera simulator's menu as a table. Help, parser and dispatch come from it."""

from __future__ import annotations

from agent.cameras.sim.faults import FAULTS
from agent.plc.sim.console import Argument, Command, menu

IMAGES = Argument("N", 1, 1_000_000, optional=True)
MS = Argument("MS", 1, 3_600_000)
COMMANDS = (
    *(Command(fault, (IMAGES,), does) for fault, does in FAULTS.items()),
    Command("mute", (MS,), "no images come through; commands do"),
    Command("dead", (MS,), "nothing comes through: the cable is out"),
    Command("restart", (), "power cycle: settings, clock and control are lost"),
    Command("clock", (Argument("MS", -3_600_000, 3_600_000),), "the camera's clock jumps"),
    Command("status", (), "control, images, faults"),
    Command("help", (), "this menu"),
    Command("quit", (), "end the simulator"),
)
MENU = menu(COMMANDS)
