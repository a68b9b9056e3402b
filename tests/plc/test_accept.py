"""`linegate plc accept` as processes against PLCs as processes: the simulator passes, wrong PLC programs are found out.

All runs go on at the same time; the tests look at what they left behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient
from rich.console import Console

from agent.config import load_config
from agent.errors import Fault, UsageError
from agent.local_line import free_port, to_toml
from agent.plc.commissioning.accept import AcceptOptions, accept, run_step, steps
from agent.plc.commissioning.accept_forged_part import ForgedPart
from agent.plc.commissioning.accept_forgery import FORGERIES
from agent.plc.commissioning.accept_operator import Operator, parse_counts
from agent.plc.commissioning.accept_record import LinkDied, Record
from agent.plc.commissioning.accept_report import Protocol, ReportFiles
from agent.plc.commissioning.accept_result import Result, State
from agent.plc.commissioning.accept_rig import Rig
from agent.plc.commissioning.probe import probe
from agent.plc.register_map import AGENT_BLOCK, RING_SLOTS
from agent.plc_config import PlcConfig
from tests.conftest import ROOT
from tests.plc.plc_process import Plcs, plc_process

PATIENCE_S = 100
HANDS = {
    "restart the PLC": "restart",
    "select job 7": "job 7",
    "select job 1 again": "job 0",
    "set the station offline": "offline on",
    "set the station online": "offline off",
    "turn the BYPASS key:": "bypass on key",
    "turn the BYPASS key back": "bypass off",
    "order REJECT_ALL": "reject-all on",
    "take REJECT_ALL back": "reject-all off",
    "announce a challenge part": "challenge",
    "acknowledge with CLEAR_FAULT": "clear",
}
"""What accept asks for, and the simulator's command for it."""
INTERRUPTED = "interrupted"
NOT_LATCHED = "the agent's epoch is not latched with the part"
MISTAKES_IN_STEPS = {
    "epochs": {"d": {"PLC_EPOCH_ECHO is not checked", NOT_LATCHED}, "g": {NOT_LATCHED}},
    "bare words": {"d": {"the word is not proved by its seq"}},
    "heartbeat": {"e": {"AGENT_HB is not watched"}, "f": {"AGENT_HB is not watched"}},
}
"""By wrong PLC program: which steps must fail, and what they must say."""
Examined = dict[str, Future[dict[str, set[str]]]]


class Run:
    """One accept process; with `simulator` its prompts are obeyed there."""

    def __init__(
        self, folder: Path, port: int, *options: object, simulator: subprocess.Popen[str] | None = None
    ) -> None:
        self.report = folder / "report.md"
        self.config = station_file(folder, port)
        arguments = ["--engineer", "A. Roe", "--customer", "B. Coe", "--parts", 20, "--report", self.report, *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent", "plc", "accept", str(self.config), *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
            env=os.environ | {"COLUMNS": "300"},
        )  # fmt: skip
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(simulator,), daemon=True)
        self._reader.start()

    def _read(self, simulator: subprocess.Popen[str] | None) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            command = next((done for asked, done in HANDS.items() if asked in line and "▶" in line), None)
            if simulator and command:
                assert simulator.stdin is not None
                simulator.stdin.write(command + "\n")
                simulator.stdin.flush()

    def end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        return code

    def results(self) -> dict[str, dict[str, Any]]:
        return {result["key"]: result for result in self.content()["results"]}

    def content(self) -> dict[str, Any]:
        return dict(json.loads(self.report.with_suffix(".json").read_text()))


def station_file(folder: Path, port: int, role: str = "client", guard_ms: int = 40) -> Path:
    """The shipped simulation.toml with another PLC and two recipes."""
    folder.mkdir(parents=True)
    recipe = (ROOT / "config" / "recipes" / "magnetic_tile.toml").read_text()
    (folder / "own.toml").write_text(recipe)
    job = tomllib.loads(recipe)["job"]
    assert job == 1
    (folder / "other.toml").write_text(recipe.replace("job = 1", "job = 7"))
    settings = tomllib.loads((ROOT / "config" / "simulation.toml").read_text())
    settings |= {"recipe": "own.toml", "other_recipes": ["other.toml"]}
    settings["station"]["state_dir"] = "state"
    settings["trigger"]["min_pitch_ms"] = 100
    settings["plc"] |= {"role": role, "port": port, "scan_ms": 20, "guard_ms": guard_ms}
    path = folder / "station.toml"
    path.write_text(to_toml(settings))
    return path


@contextmanager
def simulator_process(port: int, role: str) -> Iterator[subprocess.Popen[str]]:
    options = {"--port": port, "--camera": f"tcp://127.0.0.1:{free_port()}", "--rate": 20, "--parts": 0,
               "--decide-ms": 200, "--operator-s": 0, "--role": role}  # fmt: skip
    words = [str(word) for pair in options.items() for word in pair]
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "plc", "sim", "--blank", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "help" in line:
            break
    threading.Thread(target=process.stdout.read, daemon=True).start()
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def simulator() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = free_port()
    with simulator_process(port, "server") as process:
        yield port, process


@pytest.fixture(scope="module")
def plcs() -> Iterator[Plcs]:
    with plc_process("", "epochs", "bare words", "late", "heartbeat") as running:
        yield running


@pytest.fixture(scope="module")
def examined(plcs: Plcs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examined]:
    folder = tmp_path_factory.mktemp("examined")
    with ThreadPoolExecutor() as pool:
        yield {m: pool.submit(examine, station_file(folder / m, plcs.port[m])) for m in MISTAKES_IN_STEPS}


@pytest.fixture(scope="module")
def as_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[dict[str, set[str]]]]:
    """The PLC is the client: looked at, then accepted, over a lost link too."""
    port = free_port()
    config = station_file(tmp_path_factory.mktemp("server") / "run", port, "server")

    def look() -> dict[str, set[str]]:
        with simulator_process(port, "client"):
            probed = asyncio.run(probe(load_config(config).plc, 0.5, write_test=False))
            assert probed.good, probed.findings
            return examine(config, "abf")

    with ThreadPoolExecutor() as pool:
        yield pool.submit(look)


@pytest.fixture(scope="module")
def runs(
    plcs: Plcs, examined: Examined, as_server: object, simulator: tuple[int, subprocess.Popen[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Run]]:  # fmt: skip
    folder = tmp_path_factory.mktemp("accept")
    port, process = simulator
    started = {"simulator": Run(folder / "simulator", port, simulator=process)}
    started["late"] = Run(folder / "late", plcs.port["late"], "--unattended", "--plc-counts", "1,2,3")
    started[INTERRUPTED] = Run(folder / INTERRUPTED, plcs.port[""], "--unattended", "--parts", 300)
    yield started
    for run in started.values():
        run.process.kill()
        run.process.wait()


def agent_words(port: int) -> list[int]:
    with ModbusTcpClient("127.0.0.1", port=port) as client:
        return list(client.read_holding_registers(AGENT_BLOCK.base, count=AGENT_BLOCK.count).registers)


def check_nothing_is_left(port: int) -> None:
    words = agent_words(port)
    assert AGENT_BLOCK.get(words, "STATUS") == 0
    assert not any(AGENT_BLOCK.slot(words, "RESULT", place)["verdict"] for place in range(RING_SLOTS))


def test_beside_a_running_station_it_does_not_start(runs: dict[str, Run], plcs: Plcs, tmp_path: Path) -> None:
    while not AGENT_BLOCK.get(agent_words(plcs.port["late"]), "AGENT_HB"):
        assert runs["late"].process.poll() is None, runs["late"].said
        time.sleep(0.05)
    second = Run(tmp_path / "second", plcs.port["late"], "--unattended")
    assert second.end() == 1
    assert len(second.said) == 1
    assert "a station is running against this PLC" in second.said[0]
    assert not second.report.exists()
    seen = probe(PlcConfig(host="127.0.0.1", port=plcs.port["late"]), 0.5, write_test=True)
    findings = {finding.subject: finding.seen for finding in asyncio.run(seen).findings}
    assert "a station is connected: epoch 1; AGENT_HB_ECHO follows it" in findings["station"]
    assert findings["write test"] == "left out: a station is connected"


def test_stopped_by_hand_it_reports_what_it_has_and_leaves_nothing_behind(runs: dict[str, Run], plcs: Plcs) -> None:
    run = runs[INTERRUPTED]
    while not any("b  300 parts" in line for line in run.said):
        assert run.process.poll() is None, run.said
        time.sleep(0.05)
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 130, run.said
    content = run.content()
    assert not content["passed"]
    assert content["verdict"].startswith("INCOMPLETE")
    assert len(run.results()["b"]["parts"]) == 300, "the step that was over, whatever a busy computer has made of it"
    assert "INCOMPLETE" in run.report.read_text()
    check_nothing_is_left(plcs.port[""])


def test_the_simulator_passes_every_step(runs: dict[str, Run], simulator: tuple[int, subprocess.Popen[str]]) -> None:
    run = runs["simulator"]
    assert run.end() == 0, "".join(run.said)
    assert {key: result["state"] for key, result in run.results().items()} == dict.fromkeys(
        ("a", "b", "c", "d", "e", "f", "g", "h", "i1", "i2", "i3", "i4", "i5"), "passed"
    )
    assert {part["said"] for part in run.results()["b"]["parts"]} == {"pass", "reject", "no_decision"}
    sha256 = hashlib.sha256(run.report.with_suffix(".json").read_bytes()).hexdigest()
    page = run.report.read_text()
    for said in (sha256, "A. Roe", "B. Coe", "**PASSED**", "signature", "let through", "sha256"):
        assert said in page
    check_nothing_is_left(simulator[0])


def test_a_wrong_plc_program_is_found_out_and_the_mistake_named(examined: Examined, plcs: Plcs) -> None:
    assert {mistake: run.result() for mistake, run in examined.items()} == MISTAKES_IN_STEPS
    for mistake in examined:
        check_nothing_is_left(plcs.port[mistake])


def test_a_forgery_after_an_honest_word_proves_nothing(tmp_path: Path) -> None:
    """A slow computer lets the deadline's own "no decision" out first: a PLC that took it looks for no other word."""
    bare = next(forgery for forgery in FORGERIES if forgery.name == "PASS word not XORed with seq")
    with plc_process("bare words") as plcs:
        config = station_file(tmp_path / "run", plcs.port["bare words"], guard_ms=150)
        with Rig(load_config(config)) as rig:
            assert rig.be_ready()
            part, _ = rig.next_part()
            assert rig.record.wait(lambda: rig.record.newest.get("RES_ACK_SEQ") == part.seq, 1.0)
            forged = ForgedPart(rig, part, bare.spoil)
            with forged.sending():
                assert rig.wait_outcomes([part])
            assert not part.passed
            assert not forged.proves


def examine(config: Path, keys: str = "abcdefg") -> dict[str, set[str]]:
    """These steps; the likely mistakes of those that failed."""
    failed = {}
    with Rig(load_config(config)) as rig:
        operator = Operator(rig.record, Console(quiet=True), unattended=True)
        for step in (step for step in steps(10, operator) if step.key in keys):
            result = run_step(step, rig, operator, Result(step.key, step.title, step.done, step.expected))
            if result.state is State.FAILED:
                failed[step.key] = {failure.mistake.likely for failure in result.failures}
    return failed


def test_a_plc_that_comes_by_itself_is_looked_at_and_accepted_too(as_server: Future[dict[str, set[str]]]) -> None:
    assert as_server.result() == {}


def test_a_failed_run_is_exit_1_and_says_why(runs: dict[str, Run], plcs: Plcs) -> None:
    run = runs["late"]
    assert run.end() == 1, "".join(run.said)
    assert run.results()["b"]["failures"][0]["seen"].endswith("the PLC has counted (1, 2, 3)")
    assert "a verdict is taken after the decision point" in "".join(run.said)
    assert "**FAILED" in run.report.read_text()
    check_nothing_is_left(plcs.port["late"])


def test_what_cannot_be_run_is_one_clear_line(tmp_path: Path) -> None:
    config = station_file(tmp_path / "nobody", free_port())
    with pytest.raises(Fault, match=r"127\.0\.0\.1:\d+: .*refused.* see 'linegate plc probe'$"):
        Rig(load_config(config)).__enter__()
    with pytest.raises(UsageError, match="PLC counts 'many': give passed,rejected,no_decision"):
        parse_counts("many")
    (tmp_path / "report.json").touch()
    for report, waived, complaint in (
        ("report.md", (), "never overwritten"),
        ("nowhere/report.md", (), "no such file or directory: name a file that can be written"),
        ("figures.json", (), "give a .md file"),
        ("fresh.md", ("h", "z"), "no such step; there are b, c, d, e, f, g, h, i1"),
        ("fresh.md", ("a",), "all other steps stand on it"),
    ):
        with pytest.raises(UsageError, match=complaint):
            accept(AcceptOptions(config, 20, "A. Roe", "", tmp_path / report, unattended=True, waived=waived))
    with pytest.raises(Fault, match="refused"):
        accept(AcceptOptions(config, 20, "A. Roe", "", tmp_path / "fresh.md", unattended=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nobody", "report.json"], "an empty report is left"


def protocol(tmp_path: Path, left_out: tuple[str, ...], waived: tuple[str, ...]) -> Protocol:
    """Of a run in which all passed that was run."""
    config = station_file(tmp_path / "run", free_port())
    written = Protocol.begin(config, load_config(config), "A. Roe", "B. Coe", waived)
    for step in steps(10, Operator(Record(), Console(quiet=True), unattended=True)):
        state = State.NOT_RUN if step.key in left_out else State.PASSED
        written.results.append(Result(step.key, step.title, step.done, step.expected, state))
    written.complete = written.left_clean = True
    return written


def test_what_was_not_run_is_not_passed_unless_it_is_waived_by_name(tmp_path: Path) -> None:
    open_steps = protocol(tmp_path / "1", ("h", "i3"), ("i3",))
    assert not open_steps.passed
    assert open_steps.verdict == "INCOMPLETE; steps not run: h; waived: i3"
    waived = protocol(tmp_path / "2", ("h", "i3"), ("h", "i3"))
    assert waived.passed
    with ReportFiles(tmp_path / "report.md") as files:
        files.write(waived)
    assert "- Waived: h, i3\n" in files.page.read_text()
    assert json.loads(files.figures.read_text())["verdict"] == "PASSED; waived: h, i3"


def test_a_report_that_the_disk_does_not_take_is_on_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ReportFiles(tmp_path / "report.md") as files:
        os.dup2(full := os.open("/dev/full", os.O_WRONLY), files._figures.fileno())
        os.close(full)
        with pytest.raises(Fault, match="No space left on device: the page is printed above"):
            files.write(protocol(tmp_path / "run", (), ()))
    assert "**PASSED**" in capsys.readouterr().out


def test_the_death_of_our_own_link_is_not_blamed_on_the_plc(plcs: Plcs, tmp_path: Path) -> None:
    def stumble(words: list[int]) -> None:
        raise ZeroDivisionError("oh")

    result = Result("b", "", "", "")
    rig = Rig(load_config(station_file(tmp_path / "run", plcs.port["epochs"])))

    def run() -> None:
        with rig:
            rig.record.tampers.append(stumble)
            operator = Operator(rig.record, Console(quiet=True), unattended=True)
            run_step(steps(10, operator)[1], rig, operator, result)

    with pytest.raises(LinkDied, match=r"own link has failed, not the PLC \(ZeroDivisionError: oh; .*test_accept"):
        run()
    assert result.state is State.NOT_RUN
    assert not result.failures
    assert not rig.left_clean
