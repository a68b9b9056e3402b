"""A whole line on this computer: PLC simulator and station as processes of their own, and a subscriber to the results.

What the demo shows, the bench measures and the end-to-end test checks.
"""

from __future__ import annotations

import itertools
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from agent.errors import ConfigError, Fault
from agent.journal.history import open_reader
from agent.messages import ResultMessage
from agent.shipped import shipped
from agent.subscriber.subscriber import follow

START_LIMIT_S = 60
STOP_LIMIT_S = 5
DECIDE_MS = 400
PORTS = range(20_000, 32_000)
_given = itertools.count(random.SystemRandom().randrange(len(PORTS)))  # a test may have seeded the other source
OPERATOR_S = 0.5
"""The simulated operator is quick here: a stop costs the run time."""


@dataclass(frozen=True)
class LineOptions:
    """What runs on the simulated belt."""

    images: Path | None = None
    seconds: float = 30.0
    rate_per_s: float = 10.0
    defect_share: float = 0.3
    seed: int = 1
    model: Path | None = None
    """Another model than the one that demo.toml names."""

    @property
    def parts(self) -> int:
        """Parts on the belt."""
        return max(1, round(self.seconds * self.rate_per_s))


class LocalLine:
    """`with LocalLine(options) as line:` has the station READY; leaving it stops station and simulator.

    Raises ConfigError or Fault, with the process's own last line, when one of them does not come up.
    """

    def __init__(self, options: LineOptions) -> None:
        self.options = options
        self.messages: list[ResultMessage] = []
        """What a subscriber has received so far."""
        self.endpoints: dict[str, str] = {}
        """Where the station publishes: results, replay, control."""
        self.ready_s = 0.0
        """From the station's start to its READY."""
        self._folder = tempfile.TemporaryDirectory(prefix="linegate-")
        self._path = Path(self._folder.name)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._over = threading.Event()

    def __enter__(self) -> LocalLine:
        settings = self._write_config()
        try:
            self.start("simulator", self._simulator_arguments(settings))
            self.start("station", ["run", str(self.config)])
            self.endpoints = settings["publisher"]
            threading.Thread(target=self._receive, name="subscriber", daemon=True).start()
            self.ready_s = self.wait_until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in ("station", "simulator"):
            self.stop(name)
        self._over.set()
        self._folder.cleanup()

    @property
    def config(self) -> Path:
        """The station's config file."""
        return self._path / "station.toml"

    @property
    def journal(self) -> Path:
        """The station's journal."""
        return self._path / "state" / "journal.sqlite"

    def truth(self) -> list[dict[str, Any]]:
        """The simulator's log so far, a record a part; the last line may still be in the writing."""
        path = self._path / "truth.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def journal_counts(self) -> dict[str, int]:
        """Rows of the journal by verdict."""
        journal = open_reader(self.journal)
        rows = journal.execute(
            "SELECT verdict, count(*) FROM inspections WHERE kind = 'inspection' GROUP BY verdict"
        ).fetchall()
        journal.close()
        return {row[0]: row[1] for row in rows}

    @property
    def finished(self) -> bool:
        """The arm has acted on every part and the subscriber has heard of it."""
        return len(self.truth()) >= self.options.parts and len(self.messages) >= self.options.parts

    def start(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        """Start `linegate ARGUMENTS` as a process under `name`; what it says is appended to its log."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "agent", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes[name] = process
        return process

    def stop(self, name: str) -> int | None:
        """SIGTERM and wait; its exit code, None when it was never started."""
        process = self._processes.pop(name, None)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def log(self, name: str) -> Path:
        """Where the process of that name writes."""
        return self._path / f"{name}.log"

    def check_alive(self) -> None:
        """Raise what a process that ended has said, as ConfigError or Fault by its exit code."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                kind = ConfigError if process.returncode == ConfigError.exit_code else Fault
                raise kind(f"the {name} ended: {self._last_line(name).removeprefix('error: ')}")

    def wait_until_ready(self) -> float:
        """Seconds until the station's log says READY."""
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < START_LIMIT_S:
            self.check_alive()
            if "READY" in self.log("station").read_text():
                return time.monotonic() - begun_s
            time.sleep(0.02)
        raise Fault(f"the station was not READY within {START_LIMIT_S} s: {self._last_line('station')}")

    def _last_line(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "(it said nothing)"

    def _receive(self) -> None:
        """Without a warning that no pulse comes: the line tells itself when the station does not."""
        for heard in follow(self.endpoints["results"], self.endpoints["replay"], since=0, stop=self._over):
            if isinstance(heard, ResultMessage):
                self.messages.append(heard)

    def _write_config(self) -> dict[str, Any]:
        """The shipped demo.toml, with free ports and paths of its own."""
        source = shipped("config/demo.toml")
        settings = tomllib.loads(source.read_text(encoding="utf-8"))
        model = self.options.model or source.parent / settings["model"]["path"]
        settings["recipe"] = str(source.parent / settings["recipe"])
        settings["model"]["path"] = str(model.absolute())
        settings["station"]["state_dir"] = str(self.journal.parent)
        settings["camera"]["endpoint"] = f"tcp://127.0.0.1:{free_port()}"
        settings["plc"]["port"] = free_port()
        settings["publisher"] = {name: f"tcp://127.0.0.1:{free_port()}" for name in ("results", "replay", "control")}
        self.config.write_text(to_toml(settings), encoding="utf-8")
        return settings

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        options = self.options
        arguments = {
            "--port": settings["plc"]["port"],
            "--camera": settings["camera"]["endpoint"],
            "--parts": options.parts,
            "--rate": options.rate_per_s,
            "--defects": options.defect_share,
            "--seed": options.seed,
            "--decide-ms": DECIDE_MS,
            "--operator-s": OPERATOR_S,
            "--truth-log": self._path / "truth.jsonl",
        } | ({"--images": options.images} if options.images else {})
        return ["plc", "sim", *(str(word) for pair in arguments.items() for word in pair)]


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now, and none that this process was given before.

    Below those that the kernel gives to connections: it would be taken again before its new owner comes.
    """
    while True:
        port = PORTS[next(_given) % len(PORTS)]
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def to_toml(settings: dict[str, Any]) -> str:
    """Two levels of plain values; a JSON scalar is a TOML scalar."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items() if not isinstance(value, dict)]
    for name, table in settings.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"
