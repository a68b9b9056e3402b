"""Peers of a line that are slow, frozen or hostile, in processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.conftest import ROOT

FROZEN = """
import sys, time, zmq
context = zmq.Context()
for _ in range(int(sys.argv[2])):
    subscriber = context.socket(zmq.SUB)
    subscriber.subscribe(b"")
    subscriber.connect(sys.argv[1])
    assert subscriber.poll(20_000)  # it has its subscription
print("there", flush=True)
time.sleep(1e9)
"""
"""ENDPOINT COUNT: subscribers that read nothing; then the process is stopped."""


@contextmanager
def bad_peers(endpoints: dict[str, str], **counts: int) -> Iterator[None]:
    """`counts` by the names in bad_peers.py, hostile = one of each kind; and `frozen` subscribers, by SIGSTOP."""
    ports = [endpoints[name].rpartition(":")[2] for name in ("results", "replay")]
    frozen = counts.pop("frozen", 0)
    words = [f"{kind}={count}" for kind, count in counts.items()]
    commands = [[sys.executable, "-m", "tests.faults.bad_peers", *ports, *words]]
    commands += [[sys.executable, "-c", FROZEN, endpoints["results"], str(frozen)]] if frozen else []
    with ExitStack() as running:
        processes = [running.enter_context(_process(command)) for command in commands]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"there\n"
        if frozen:
            processes[1].send_signal(signal.SIGSTOP)
        yield


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
