"""A model that is no good is refused, or found out on its first parts: one line says why, and the station runs on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import Fault, UsageError
from agent.journal.history import reading
from agent.model.history import print_history
from agent.model.install import install_model
from agent.report.happenings import read_used
from agent.subscriber import replay_client
from agent.subscriber.control_client import give_command
from tests.conftest import Linegate
from tests.faults.sizes import sized
from tests.faults.test_model_swap import sha256_of
from tests.model import odd_models
from tests.model.model_line import WHO, ModelLine
from tests.tiny_model import tiny_contract, write_tiny_model
from tests.waiting import newest_pulse, wait_until

SLOW_MS = 120
"""50 are left from part to part, and a second would be a hung stage."""


def truncated(path: Path) -> Path:
    path.write_bytes(odd_models.write_passing(path).read_bytes()[:-100])
    return path


def other_classes(path: Path) -> Path:
    contract = tiny_contract()
    renamed = {"blowhole": "pore"}
    classes = tuple(renamed.get(name, name) for name in contract.classes)
    thresholds = {renamed.get(name, name): value for name, value in contract.thresholds.items()}
    areas = {renamed.get(name, name): area for name, area in contract.golden[0].areas_px.items()}
    golden = (contract.golden[0].model_copy(update={"areas_px": areas}),)
    changed = contract.model_copy(update={"classes": classes, "thresholds": thresholds, "golden": golden})
    return write_tiny_model(path, contract=changed.model_dump_json())


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "truncated": (truncated, "no exported model, or not all of it"),
    "other classes": (other_classes, "recipe 'magnetic_tile' and model disagree about class blowhole, pore"),
    "self-test": (
        lambda path: write_tiny_model(path, expected_px=140),
        "self-test 'square': blowhole covers 100",
    ),
    "too slow": (lambda path: odd_models.write_slow(path, SLOW_MS, always=True), "it is too slow: a part takes"),
    "crash": (lambda path: odd_models.write_killing(path, always=True), "it killed the process that tried it out"),
}
ROLLED_BACK: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "not finite": (odd_models.write_invalid, "output_invalid", "the model's output is not finite"),
    "exception": (odd_models.write_raising, "inference_error", "inference failed: "),
    "slow": (lambda path: odd_models.write_slow(path, SLOW_MS), "ok", "3 runs in a row took longer than"),
}


@sized(
    ("refused", "failing"), (("other classes", "crash"), ("not finite", "slow")), (tuple(REFUSED), tuple(ROLLED_BACK))
)
def test_bad_models_are_refused_or_rolled_back(
    tmp_path: Path, refused: tuple[str, ...], failing: tuple[str, ...]
) -> None:
    good = odd_models.write_rejecting(tmp_path / "good.onnx")
    with ModelLine(good, 600, 10) as line:
        line.wait_for_parts(2)
        pid = line.processes["station"].pid
        for name in refused:
            write, why = REFUSED[name]
            event = line.install(write(tmp_path / f"{name}.onnx"))
            assert (event["what"], event["who"]) == ("refused", WHO)
            assert why in event["detail"], name
        assert {verdict for _, verdict in line.judged()} == {"reject"}, "none of them has judged a part"
        for name in failing:
            write, reason, why = ROLLED_BACK[name]
            event = line.install(write(tmp_path / f"{name}.onnx"))
            assert event["what"] == "rolled_back"
            assert why in event["detail"], name
            wait_until(lambda reason=reason: reason in {row["reason"] for row in line.rows()}, "the part has its row")
        wait_until(lambda: "MODEL" in newest_pulse(line.endpoints["results"]).alarms, "the alarm stands")
        parts = len(line.rows())
        line.wait_for_parts(parts + 3)
        assert {row["verdict"] for row in line.rows()[-1:]} <= {"reject", "no_decision"}, "the good one inspects again"
        assert (line.processes["station"].pid, line.processes["station"].poll()) == (pid, None)
        line.end_here()
        says = {str(row["model_sha256"]): "pass" for row in line.rows()}
        line.says = says | {line.rows()[0]["model_sha256"]: "reject"}
        line.check_ledgers()


def test_the_command_says_what_came_of_it_and_history_remembers(
    linegate: Linegate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def history(line: ModelLine) -> str:
        monkeypatch.setenv("COLUMNS", "200")
        print_history(line.config, 50)
        return capsys.readouterr().out

    passing, rejecting = (tmp_path / f"{name}.onnx" for name in ("passing", "rejecting"))
    odd_models.write_passing(passing)
    odd_models.write_rejecting(rejecting)
    with ModelLine(passing, 600, 20) as line:
        with pytest.raises(UsageError, match="there is no model before the one in use"):
            install_model(line.config, None, WHO, None)
        done = linegate("model", "install", line.config, rejecting, "--who", WHO)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("installed: ")
        assert len(done.stdout.splitlines()) == 1
        with pytest.raises(Fault, match="is in use already"):
            line.offer(rejecting)
        with pytest.raises(Fault, match=r"no model 'abc' in .*models: give its file to linegate model install"):
            give_command(line.endpoints["control"], "model", WHO, "abc")
        new, old = sha256_of(rejecting)[:12], sha256_of(passing)[:12]
        assert history(line).splitlines()[0] == f"in use: {new}, before it: {old}"
        back = linegate("model", "install", line.config, "--previous", "--who", WHO)
        assert back.stdout.startswith(f"installed: {old} in place of {new}"), back.stderr
        assert history(line).splitlines()[0] == f"in use: {old}, before it: {new}"
        bad = linegate("model", "install", line.config, odd_models.write_invalid(passing), "--who", WHO)
        assert bad.returncode == 1
        assert bad.stderr.startswith("error: model rolled back: ")
        assert len(bad.stderr.splitlines()) == 1
        line.stop("station")
        told = history(line)
        assert told.startswith(f"in use: {old}, before it: none\n"), "what failed is none to go back to"
        with reading(line.journal) as journal:
            journal.row_factory = None
            now = datetime.now(UTC)
            used = read_used(journal, (), now - timedelta(hours=1), now)
            parts = journal.execute("SELECT model_sha256, reason FROM inspections WHERE kind = 'inspection'").fetchall()
        assert Counter({of.model_sha256: of.parts for of in used}) == Counter(
            sha256 for sha256, reason in parts if reason != "agent_down"
        ), "also the parts that the PLC had yet to decide when the station was stopped"
        monkeypatch.setattr(replay_client, "REPLAY_TIMEOUT_MS", 300)
        with pytest.raises(Fault, match=r"no station answers .* name the file there, and start it"):
            install_model(line.config, b"", WHO, None)
    for word in ("trying", "swapped", "kept", "rolled back", WHO):
        assert word in told
    assert told.index("rolled back") < told.index("kept"), "the newest first"
