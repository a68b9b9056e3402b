"""A process that is killed again and again: `python -m tests.results.short_lives station|subscriber …`.

It forks each life, so that a life begins within milliseconds. The last one lives until stdin is closed.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.results_config import PublisherConfig
from agent.subscriber.subscriber import subscribe
from tests.conftest import ROOT
from tests.faults.sizes import SEED
from tests.results.outlet import Outlet
from tests.results.records import inspect
from tests.waiting import PATIENCE_S

LAST_PARTS = 50
PART_S, HANDLING_S = 0.003, 0.001
"""To decide a part; to book one: so that kills hit both."""


def live_and_die(life: Callable[[int], None], kills: int, shortest_s: float, longest_s: float, seed: int) -> None:
    """`life` is given its number, from 1; kill -9 ends it at any instant."""
    chance = random.Random(seed)
    for number in range(1, kills + 2):
        child = os.fork()
        if not child:
            life(number)
            os._exit(0)
        if number <= kills:
            time.sleep(chance.uniform(shortest_s, longest_s))
        else:
            sys.stdin.read()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def station(journal: Path, results: str, replay: str, kills: int, seed: int) -> None:
    """Each life decides parts until it is killed; the last one so many, and then says that it is done."""

    def life(number: int) -> None:
        outlet = Outlet(journal, PublisherConfig(results=results, replay=replay), agent_epoch=number)
        for seq in itertools.islice(itertools.count(1), None if number <= kills else LAST_PARTS):
            inspect(outlet.journal, seq, plc_epoch=number)
            time.sleep(PART_S)
        print("done", flush=True)
        time.sleep(3600)

    live_and_die(life, kills, 0.2, 0.8, seed)


def subscriber(book: Path, results: str, replay: str, kills: int, seed: int) -> None:
    """Each life books what it has handled, a line each, and goes on where the one before had come to."""

    def life(_: int) -> None:
        booked = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for message in subscribe(results, replay, since=0, position=book.with_suffix(".position")):
            time.sleep(HANDLING_S)
            os.write(booked, b"%d\n" % message.message_id)

    live_and_die(life, kills, 0.02, 0.12, seed)


@contextmanager
def short_lives(what: str, path: Path, config: PublisherConfig, kills: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed so many times and then goes on."""
    arguments = [what, str(path), config.results, config.replay, str(kills), str(SEED)]
    command = [sys.executable, "-m", "tests.results.short_lives", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        assert process.stdin
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


if __name__ == "__main__":
    what, path, results, replay, kills, seed = sys.argv[1:]
    {"station": station, "subscriber": subscriber}[what](Path(path), results, replay, int(kills), int(seed))
