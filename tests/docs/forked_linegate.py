"""`linegate` without its start-up: `python -m tests.docs.forked_linegate SOCKET` has imported it, and forks.

What `linegate_fork` on a PATH sends (arguments, folder, environment, its three streams) becomes a process of its own,
which runs what `linegate` runs, and is killed when its caller is. A hundred commands of 0.7 s start-up each would be a
test of its own.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from importlib import import_module

ALREADY = ("agent.__main__", "agent.command_line", "agent.config", "agent.judge", "agent.records",
           "agent.cameras.open_camera", "agent.plc.open_link", "agent.plc.sim.simulator", "agent.watch.watch",
           "agent.report.run", "agent.subscriber.control_client")  # fmt: skip
"""What most commands import; not ONNX Runtime, whose threads outlive no fork."""


def serve(path: str) -> dict[str, object] | None:
    """Fork for each caller; what it asks for is returned in the process that has become the command."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            caller, _ = listening.accept()
            with caller:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    return become(caller)


def become(caller: socket.socket) -> dict[str, object]:
    """In the grandchild: the caller's streams, folder and environment; its parent tells the caller how it ended."""
    sent, streams, _, _ = socket.recv_fds(caller, 1 << 20, 3)
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        caller.sendall(f"{child}\n".encode())
        ended = os.pidfd_open(child)
        if ended not in select.select([caller, ended], [], [])[0]:
            os.kill(child, signal.SIGKILL)
            os._exit(0)
        caller.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256}\n".encode())
        os._exit(0)
    asked: dict[str, object] = json.loads(sent)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    return asked


def main() -> None:
    """Serve, until this process has become a command; then be it."""
    for module in ALREADY:
        import_module(module)
    asked = serve(sys.argv[1])
    assert asked
    os.chdir(str(asked["folder"]))
    os.environ.clear()
    os.environ.update(asked["environment"])  # type: ignore[call-overload]
    sys.argv = ["linegate", *asked["arguments"]]  # type: ignore[misc]
    import_module("agent.__main__").main()


if __name__ == "__main__":
    main()
