"""A station that runs, by what it says of itself: its pulse, or its figures for Prometheus."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress

from pydantic import ValidationError

from agent.config import StationConfig
from agent.doctor.looking import NotKnown, looked
from agent.doctor.subject import Subject
from agent.errors import LinegateError
from agent.finding import Finding, doubtful, right, unknown, wrong
from agent.keys import ClientKeys
from agent.messages import StatusMessage
from agent.plc.register_map import HEARTBEAT_LIMIT_MS, Status
from agent.results_config import MetricsConfig
from agent.spread import Spread
from agent.subscriber.follower import open_live, parsed

POLL_S = 0.1
PULSES_S = 2.5
"""One comes each second; so long is the first waited for."""
STANDALONE = "STANDALONE"
BAD_BITS = Status.FAULT | Status.CAMERA_DOWN | Status.PART_ID_ERROR | Status.STOP_REQUEST
DOUBTFUL_BITS = (
    Status.WARN | Status.FAIL_OPEN | Status.MISSED_ACQ | Status.RING_OVERRUN | Status.CMD_FAILED | Status.BYPASSED
    | Status.SIMULATED
)  # fmt: skip
SCRAPE_S = 3.0


def examine_station(subject: Subject) -> Iterator[Finding]:
    """What it tells anybody who listens; it is asked for nothing."""
    if not subject.running:
        yield right("station", "does not run: its camera, PLC and ports are looked at in its place")
        return
    by = f"process {subject.pid}" if subject.pid else "in another place than this shell can see (a container?)"
    yield right("station", f"runs, {by}: its camera and PLC are left to it")
    if subject.config.publisher.station_key and subject.keys is None:
        yield unknown("pulse", "not known: this station has keys", "give --key, a client's that it knows")
    else:
        yield from _by_pulse(subject)
    if subject.config.metrics:
        yield looked("figures", lambda: _check_metrics(subject.config.metrics))


def pulses(endpoint: str, keys: ClientKeys | None, seconds: float) -> Iterator[StatusMessage]:
    """Those that come in that time. Raises LinegateError where it does not let us in."""
    live, handshakes = open_live(endpoint, keys)
    with closing(live), closing(handshakes):
        end_s = time.monotonic() + max(seconds, PULSES_S)
        while (left_s := end_s - time.monotonic()) > 0:
            if live.poll(int(min(left_s, POLL_S) * 1000)):
                with suppress(ValidationError):  # another program's
                    if isinstance(message := parsed(live.recv_multipart()), StatusMessage):
                        yield message
            handshakes.check()


def is_ours(pulse: StatusMessage, station: StationConfig) -> bool:
    """Several stations may share a computer."""
    return (pulse.line, pulse.station) == (station.line, station.name)


def _by_pulse(subject: Subject) -> Iterator[Finding]:
    config = subject.config
    try:
        heard = list(pulses(config.publisher.results, subject.keys, subject.seconds))
    except LinegateError as error:
        yield unknown("pulse", f"not known: {error}", "give --key, a client's that the station knows")
        return
    ours = [pulse for pulse in heard if is_ours(pulse, config.station)]
    if heard and not ours:
        yield wrong("pulse", f"{heard[0].line}/{heard[0].station} speaks at {config.publisher.results}",
                    "two stations on one computer need endpoints of their own: see [publisher]")  # fmt: skip
    elif not ours:
        yield doubtful("pulse", f"none at {config.publisher.results} in {PULSES_S:g} s", "it starts, or waits for "
                       f"camera or PLC: systemctl status {subject.unit} says for what")  # fmt: skip
    else:
        subject.note("plc_write_gap_ms", [pulse.plc_write_gap_ms for pulse in ours])
        yield from judge_pulses(ours, config.plc.timeout_ms if config.has_plc else None)


def judge_pulses(heard: list[StatusMessage], timeout_ms: float | None) -> Iterator[Finding]:
    """At least one, oldest first; `timeout_ms`: None = no PLC. Pure."""
    newest = heard[-1]
    yield _judge_status(newest)
    yield _judge_alarms(newest)
    if timeout_ms is not None and STANDALONE not in newest.plc_status:
        yield _judge_gap(heard)
    yield _judge_parts(heard)
    yield _judge_upkeep(newest)


def _judge_status(newest: StatusMessage) -> Finding:
    bits = newest.plc_status
    text = f"STATUS {' '.join(bits) or '0'}"
    if paused := newest.upkeep.paused_by:
        return doubtful("status", f"{text}; paused by {paused}", "linegate resume --who NAME")
    if "READY" not in bits or any(bit.name in bits for bit in BAD_BITS):
        return wrong("status", text, "no part is inspected: see the service's status and docs/operation.md")
    if odd := [str(bit.name) for bit in DOUBTFUL_BITS if bit.name in bits]:
        return doubtful("status", text, f"what {', '.join(odd)} means: docs/operation.md")
    return right("status", text)


def _judge_alarms(newest: StatusMessage) -> Finding:
    """Some ask the PLC to stop the line."""
    if not newest.alarms:
        return right("alarms now", "none stands")
    judged = wrong if Status.STOP_REQUEST.name in newest.plc_status else doubtful
    return judged("alarms now", ", ".join(newest.alarms), "what each means and asks for: docs/operation.md")


def _judge_gap(heard: list[StatusMessage]) -> Finding:
    """The heartbeat as the PLC sees it: it advances with each write that it confirms."""
    spread = Spread.of([pulse.plc_write_gap_ms for pulse in heard])
    assert spread is not None
    text = f"longest between two confirmed writes in each second: {spread}; {heard[-1].plc_torn_reads} torn reads"
    if not spread.min or spread.max > HEARTBEAT_LIMIT_MS:
        return wrong("write gap", text, f"a PLC waits {HEARTBEAT_LIMIT_MS} ms for the heartbeat: see network and load")
    if spread.max > HEARTBEAT_LIMIT_MS / 2:
        return doubtful("write gap", text, "the PLC's patience is half used up: see network and load")
    return right("write gap", text)


def _judge_parts(heard: list[StatusMessage]) -> Finding:
    first, newest = heard[0], heard[-1]
    blind = sum(newest.no_decisions.values())
    more = blind - sum(first.no_decisions.values())
    reasons = ", ".join(f"{number} {reason}" for reason, number in newest.no_decisions.items() if number)
    text = f"{newest.inspected} inspected since its start, {blind} without a decision"
    text += f" ({reasons})" if blind else ""
    text += f"; {newest.inspected - first.inspected} and {more} while the doctor looked"
    text += f"; {newest.unsolicited_frames} frames of no part"
    if more > 0 or newest.unsolicited_frames > first.unsolicited_frames:
        return doubtful("parts", text, "what each reason means and asks for: docs/operation.md")
    return right("parts", text)


def _judge_upkeep(newest: StatusMessage) -> Finding:
    upkeep = newest.upkeep
    troubles = [f"{name}: {value}" for name, value in upkeep if name.endswith("_trouble") and value]
    dropped = {name: value for name, value in upkeep if name.endswith("_dropped") and value}
    text = f"{upkeep.rows_waiting} rows and {upkeep.archive_waiting} images waiting"
    text += "".join(f", {value} {name}" for name, value in dropped.items())
    text += f", {upkeep.clients_refused} clients refused"
    if troubles:
        return wrong("upkeep", f"{'; '.join(troubles)}; {text}", "see disk below")
    if upkeep.drifting:
        return doubtful("upkeep", f"{text}; drifting: {', '.join(upkeep.drifting)}", "see light, lens and parts; "
                        "linegate relearn if all is as it should be")  # fmt: skip
    if dropped:
        return doubtful("upkeep", text, "a subscriber, or the disk, was too slow: docs/results.md")
    return right("upkeep", text)


def scraped(metrics: MetricsConfig) -> str:
    """The page that Prometheus reads. Raises NotKnown."""
    address = f"http://{metrics.endpoint}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=SCRAPE_S) as page:
            return str(page.read().decode())
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise NotKnown(f"{address}: {error}") from error


def _check_metrics(metrics: MetricsConfig | None) -> Finding:
    assert metrics is not None
    lines = [line for line in scraped(metrics).splitlines() if not line.startswith("#")]
    model = next((line for line in lines if line.startswith("linegate_model_info")), "")
    provider = model.partition('provider="')[2].partition('"')[0] or "unknown"
    return right("figures", f"{len(lines)} at http://{metrics.endpoint}/metrics; provider {provider}")
