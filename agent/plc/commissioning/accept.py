"""`linegate plc accept`: a site acceptance run against the customer's own PLC, with a report to be signed.

The station's own link, with scripted verdicts in place of camera and model: what the PLC does is read from its
outcome words, what its arm does is seen and signed for by a person.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agent.config import load_config
from agent.errors import ConfigError, Fault, UsageError
from agent.plc.commissioning.accept_mistakes import LINE_STANDS, NOT_BACK
from agent.plc.commissioning.accept_operator import Operator
from agent.plc.commissioning.accept_orders import (
    check_bypass,
    check_challenge,
    check_job,
    check_offline,
    check_reject_all,
)
from agent.plc.commissioning.accept_outages import (
    check_agent_restart,
    check_heartbeat_loss,
    check_link_loss,
    check_plc_restart,
)
from agent.plc.commissioning.accept_parts import check_counts, check_forgeries, check_link, check_parts, check_silence
from agent.plc.commissioning.accept_record import LinkDied, Record
from agent.plc.commissioning.accept_report import Protocol, ReportFiles
from agent.plc.commissioning.accept_result import Asks, Counts, Result, Skipped, State
from agent.plc.commissioning.accept_rig import NoPart, Rig


@dataclass(frozen=True)
class AcceptOptions:
    """What the command line says."""

    config: Path
    parts: int
    engineer: str
    customer: str
    report: Path
    unattended: bool
    plc_counts: Counts | None = None
    waived: tuple[str, ...] = ()
    """Steps that both sides do without."""


Work = Callable[[Rig, Asks, Result], None]


@dataclass(frozen=True)
class Step:
    """One step; `hands`: it needs an operator at the PLC from its beginning."""

    key: str
    title: str
    done: str
    expected: str
    work: Work
    hands: bool = False


def accept(options: AcceptOptions) -> bool:
    """Run every step, write the report; did all pass? Raises UsageError, ConfigError or Fault before the run."""
    _check_waiver(options)
    config = load_config(options.config)
    if config.plc.profile == "bits":
        raise ConfigError("plc.profile = 'bits' has neither epochs nor rings: accept tests profile words only")
    console = Console(highlight=False)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    protocol = Protocol.begin(options.config, config, options.engineer, options.customer, options.waived)
    with ReportFiles(options.report) as files:
        _run(Rig(config), protocol, options, files, console)
    return protocol.passed


def _check_waiver(options: AcceptOptions) -> None:
    first, *others = (step.key for step in steps(options.parts, Operator(Record(), Console(), unattended=True)))
    for key in options.waived:
        if key == first:
            raise UsageError(f"--waive {key}: all other steps stand on it, it cannot be waived")
        if key not in others:
            raise UsageError(f"--waive '{key}': no such step; there are {', '.join(others)}")


def _run(rig: Rig, protocol: Protocol, options: AcceptOptions, files: ReportFiles, console: Console) -> None:
    try:
        with rig:
            operator = Operator(rig.record, console, options.unattended, options.plc_counts)
            protocol.plc_epoch, protocol.agent_epoch = rig.record.newest.get("PLC_EPOCH"), rig.epoch
            for step in steps(options.parts, operator):
                protocol.results.append(Result(step.key, step.title, step.done, step.expected))
                run_step(step, rig, operator, protocol.results[-1], step.key in options.waived)
                _print(protocol.results[-1], console)
            protocol.complete = True
    except Fault as error:
        if not protocol.results:
            raise
        protocol.interrupted = str(error)
    except KeyboardInterrupt:
        protocol.interrupted = "stopped by hand"
        raise
    finally:
        protocol.left_clean = rig.left_clean
        if protocol.results:
            console.print(protocol.verdict)
            files.write(protocol)
            console.print(f"report: {files.page} and {files.figures}")


def steps(parts: int, operator: Operator) -> tuple[Step, ...]:
    """In their order."""

    def counted_parts(rig: Rig, ask: Asks, result: Result) -> None:
        check_parts(rig, parts, result)
        check_counts(rig, ask, operator, result)

    return (
        Step("a", "map, epochs, heartbeats", "read and write, not READY; then READY",
             "map, epochs, clock and ring right; heartbeats echoed; TRIGGER_ENABLE only while READY", check_link),
        Step("b", f"{parts} parts with a verdict each", "PASS, REJECT and NO_DECISION in a fixed irregular order",
             "seq counts by one; each outcome is what was said of that part; counts agree", counted_parts),
        Step("c", "parts without a verdict", "nothing is written for 3 parts",
             "rejected at the decision point, outcome NO_VERDICT", check_silence),
        Step("d", "words that must not pass", "a PASS with one thing wrong, one part a kind",
             "none of these parts is PASSED", check_forgeries),
        Step("e", "heartbeat loss", "AGENT_HB stands, everything else goes on; then PASS for what is on its way",
             "TRIGGER_ENABLE falls within 2 s, no part is PASSED, afterwards the line may go on", check_heartbeat_loss),
        Step("f", "link loss", "no connection for 2.5 s", "as with the heartbeat", check_link_loss),
        Step("g", "agent restart", "the agent is restarted between a part's trigger and its PASS",
             "the part is not PASSED; the new agent's parts are", check_agent_restart),
        Step("h", "PLC restart", "the operator stops and starts the PLC",
             "PLC_EPOCH has counted up, the queue begins anew, parts pass again", check_plc_restart, hands=True),
        Step("i1", "job select", "the operator selects another recipe and back",
             "JOB_SELECT is read and confirmed in JOB_CURRENT before the next part", check_job, hands=True),
        Step("i2", "SET_OFFLINE", "the operator sets the station offline and online",
             "TRIGGER_ENABLE falls and comes back", check_offline, hands=True),
        Step("i3", "BYPASS", "the operator turns the key; a part is given REJECT",
             "it passes with BYPASS and not without", check_bypass, hands=True),
        Step("i4", "REJECT_ALL", "the operator orders it; a part is given PASS", "it is not PASSED", check_reject_all,
             hands=True),
        Step("i5", "challenge part, STOP_REQUEST, CLEAR_FAULT", "the operator announces a challenge part, given PASS",
             "it is not PASSED, the line stops, CLEAR_FAULT starts it", check_challenge, hands=True),
    )  # fmt: skip


def run_step(step: Step, rig: Rig, operator: Operator, result: Result, waived: bool = False) -> Result:
    """Fill `result`, and give it back. Raises Fault when the PLC is lost; what was seen until then is in it."""
    if waived:
        result.skip("waived")
        return result
    if step.hands and operator.unattended:
        result.skip("needs an operator at the PLC")
        return result
    try:
        step.work(rig, operator.ask, result)
    except Skipped as why:
        result.skip(str(why))
    except NoPart as why:
        result.fail(str(why), LINE_STANDS)
    except LinkDied as error:
        result.skip(str(error))
        raise
    except Fault as error:
        result.fail(str(error), NOT_BACK)
        raise
    except KeyboardInterrupt:
        result.skip("stopped by hand")
        raise
    return result


def _print(result: Result, console: Console) -> None:
    style = {State.PASSED: "green", State.FAILED: "red", State.NOT_RUN: "yellow"}[result.state]
    why = f": {result.seen[-1]}" if result.state is State.NOT_RUN else ""
    console.print(f"{result.key:>2}  {result.title}: [{style}]{result.state.value}[/]{why}")
    for failure in result.failures:
        console.print(f"    [red]✗ {failure.seen}[/]\n      likely: {failure.mistake.likely} → {failure.mistake.mend}")
