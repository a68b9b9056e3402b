"""A model file is tried out in a process of its own: one that crashes ONNX Runtime takes no station with it.

`python -m agent.model.try_out` is that process: what to try comes on stdin, what came of it goes to stdout, as JSON.
It gives way to the station: what the computer has left over decides how long it takes, so the shortest time counts;
and where memory runs out it is the first to go.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.config import ModelConfig
from agent.errors import ConfigError, Fault, LinegateError, first_line, in_words
from agent.log.fields import one_line
from agent.segmenter import Segmenter

NICENESS = 19
FIRST_TO_GO = 1000
"""Of /proc/PID/oom_score_adj."""
ROUNDS = 3
LIMIT_S = 120.0
"""A CUDA provider has its libraries to load."""
LOOK_S = 0.1
MOST_SAID = 160
"""Characters of a last line on stderr."""


def try_out(path: Path, model: ModelConfig, shape: tuple[int, ...] | None, ending: threading.Event,
            meanwhile: Callable[[], None]) -> float:  # fmt: skip
    """Golden self-test; the ms that the runs for a frame of `shape` take here at best.

    `meanwhile` is called every LOOK_S: what takes no time need not wait for the end of it.
    Raises ConfigError with the reason when the file is not fit for use, Fault when `ending` is set first.
    """
    asked = {"model": model.model_copy(update={"path": path}).model_dump(mode="json"), "shape": shape}
    environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    command = [sys.executable, "-m", "agent.model.try_out"]
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, errors="replace", env=environment
        )
    except OSError as error:
        raise Fault(f"no process to try it out in: {in_words(error)}") from error
    os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)  # from here: what it imports takes half a second by itself
    with child:
        output, said = _heard(child, json.dumps(asked), ending, meanwhile)
    last_words = f": {one_line(said.strip().splitlines()[-1])[:MOST_SAID]}" if said.strip() else ""
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise ConfigError(f"it killed the process that tried it out ({name}): do not use it{last_words}")
    try:
        answer = json.loads(output)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"the process that tried it out ended with {child.returncode}{last_words or ', without a word'}"
        ) from error
    if error_text := answer.get("error"):
        raise ConfigError(str(error_text))
    return float(answer["run_ms"])


def _heard(child: subprocess.Popen[str], asked: str, ending: threading.Event,
           meanwhile: Callable[[], None]) -> tuple[str, str]:  # fmt: skip
    """What it has to say, on stdout and on stderr."""
    end_s, given = time.monotonic() + LIMIT_S, asked
    while True:
        try:
            return child.communicate(given, timeout=LOOK_S)
        except subprocess.TimeoutExpired:
            given = ""  # communicate() goes on where it was
        meanwhile()
        if ending.is_set() or time.monotonic() > end_s:
            child.kill()
            child.communicate()
            if ending.is_set():
                raise Fault("the station ended before it was tried out")
            raise ConfigError(f"it was not tried out within {LIMIT_S:.0f} s: it hangs, or is far too slow")


def main() -> None:
    """In the process of its own."""
    if os.sched_getscheduler(0) != os.SCHED_OTHER:  # the station may run in real time
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(NICENESS)
    with suppress(OSError):  # where it may not: the kernel takes the largest
        Path("/proc/self/oom_score_adj").write_text(f"{FIRST_TO_GO}\n")
    asked = json.load(sys.stdin)
    shape = asked["shape"] and tuple(asked["shape"])
    try:
        answer: dict[str, object] = {
            "run_ms": _shortest_ms(ModelConfig.model_validate(asked["model"], context={"folder": Path()}), shape)
        }
    except LinegateError as error:
        answer = {"error": str(error)}
    except Exception as error:  # whatever the runtime raises
        answer = {"error": f"model {asked['model']['path']}: {first_line(error)}"}
    json.dump(answer, sys.stdout)


def _shortest_ms(model: ModelConfig, shape: tuple[int, ...] | None) -> float:
    segmenter = Segmenter(model.path, model.provider, model.threads, model.tiling)
    found = []
    for _ in range(ROUNDS):
        segmenter.self_test()
        found.append(segmenter.expected_ms(shape))
    return min(found)


if __name__ == "__main__":
    main()
