"""The agent of an acceptance run: the station's real link and handshake, with a script in place of camera and model."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from agent.agent_epoch import next_agent_epoch, state_dir_alone
from agent.config import Config
from agent.errors import Fault
from agent.health import Health, Stage
from agent.identity import Identity
from agent.inspection import Reason, Trigger, Verdict
from agent.journal.journal import Journal
from agent.plc.commissioning.accept_forgery import blank, erase
from agent.plc.commissioning.accept_mistakes import NEVER_PASSES
from agent.plc.commissioning.accept_record import LinkDied, Part, Record, Tamper
from agent.plc.commissioning.accept_result import Asks, Result
from agent.plc.commissioning.accept_wire import WitnessedWire
from agent.plc.decision import Decision, Timing
from agent.plc.facts import Facts
from agent.plc.handshake import Handshake
from agent.plc.link import PlcLink
from agent.plc.open_link import open_endpoint
from agent.plc.register_map import AGENT_BLOCK, Alarm, Status
from agent.plc.wires.modbus import LinkError, ModbusConnection
from agent.plc_config import PlcConfig
from agent.recipe import load_recipes
from agent.setup import Setup

CONNECT_S = 10.0
PARTS_S = 60.0
"""So long may the line take to bring the next part."""
PATIENCE_S = 3.0
"""On top of its decision time a part's outcome must come within this."""
RECOVER_S = 5.0
NO_CAMERA_MS = 60_000.0
"""No photo is taken: no trigger is too old for one."""
STATION_LOOK_S = 0.6
REASONS = {Verdict.PASS: Reason.OK, Verdict.REJECT: Reason.DEFECT, Verdict.NO_DECISION: Reason.FRAME_QUALITY}


class NoPart(Exception):
    """The line brings no part; the message says what is to be seen of it."""


class Rig:
    """`with Rig(config) as rig:` has read the PLC's map, not READY yet; leaving it leaves STATUS = 0 behind."""

    def __init__(self, config: Config) -> None:
        self.plc = config.plc
        self.record = Record()
        self._silent: dict[tuple[int, int], bool | None] = {}
        """Parts (epoch, seq) of which the PLC shall hear nothing: has it never? None = no image has gone out since."""
        self.alarms = Alarm(0)
        """What may stop the line: nothing but in the step that is about it."""
        self.ready_ns = 0
        """When READY was shown first."""
        self.left_clean = False
        """The PLC has confirmed the last image: STATUS = 0, no verdict."""
        self._state_dir = config.station.state_dir
        recipes = load_recipes(config.recipe, config.other_recipes)
        self._recipes = {number: (recipe.name, recipe.sha256) for number, recipe in recipes.items()}
        self.jobs = tuple(recipes)
        self._identity = (config.station.line, config.station.name)
        self.record.tampers.append(self._honest_tamper)
        self._folder = tempfile.TemporaryDirectory(prefix="linegate-accept-")

    def __enter__(self) -> Rig:
        if self.plc.role == "client":
            asyncio.run(_refuse_beside_a_station(self.plc))
        with ExitStack() as opened:
            opened.enter_context(state_dir_alone(self._state_dir))
            opened.enter_context(self._folder)
            self._open()
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever happened, no READY and no PASS stays in the PLC."""
        record = self.record
        before = record.written
        record.cut, record.tampers = False, [blank]
        self._link.bell.ring()
        with suppress(LinkDied):
            self.left_clean = record.wait(lambda: record.written is not before and record.silent_image, PATIENCE_S)
        self._close()
        self._opened.close()

    def _open(self) -> None:
        self.epoch = next_agent_epoch(self._state_dir)
        setup = Setup(recipes=self._recipes)
        identity = Identity(*self._identity, self.epoch, setup, True)
        self._journal = Journal(Path(self._folder.name) / f"{self.epoch}.sqlite", identity, 50.0, False)
        facts = Facts(setup, simulated=True)
        handshake = Handshake(Timing(NO_CAMERA_MS, self.plc.guard_ms, self.plc.scan_ms), self.epoch, facts)
        health = Health((Stage("script", NO_CAMERA_MS),))
        wire = WitnessedWire(self.plc, self.record)
        self._link = PlcLink(wire, handshake, self._journal, health, self.plc.lost_after_ms)
        self._wait_for_map()

    def _wait_for_map(self) -> None:
        end_s, trouble = time.monotonic() + CONNECT_S, ["PLC: no answer"]
        stop = threading.Event()

        def waiting(why: str) -> None:
            trouble[0] = why
            if time.monotonic() >= end_s:
                stop.set()

        if not self._link.wait_for_triggers(waiting, stop):
            self._close()
            self.record.require_link()
            raise Fault(f"{trouble[0]}: see 'linegate plc probe'")

    def _close(self) -> None:
        self._link.close()
        self._journal.close()

    def _honest_tamper(self, words: list[int]) -> None:
        """What the whole run does to the image: silence where it is ordered, and no stop of the line by accident."""
        epoch = AGENT_BLOCK.get(words, "PLC_EPOCH_ECHO")
        for key in tuple(self._silent):  # a step may add one meanwhile
            if key[0] == epoch:
                spoken = erase(words, key[1])
                if self._silent[key] is None:
                    self._silent[key] = not spoken
        alarm = AGENT_BLOCK.get(words, "ALARM") & self.alarms
        AGENT_BLOCK.put(words, "ALARM", alarm)
        if not alarm:
            AGENT_BLOCK.put(words, "STATUS", AGENT_BLOCK.get(words, "STATUS") & ~Status.STOP_REQUEST)

    # --- what steps do -----------------------------------------------------------------------------------------

    def be_ready(self) -> bool:
        """Show READY; does the PLC enable triggers?"""
        self.ready_ns = time.monotonic_ns()
        self._link.set_ready()
        return self.record.wait(lambda: self.record.enabled, RECOVER_S)

    def need_line(self, ask: Asks) -> None:
        """The PLC may have stopped the line, and may want a hand before it runs again."""
        if not self.record.wait(lambda: self.record.enabled, RECOVER_S):
            ask("start the line again (CLEAR_FAULT): the agent is READY", lambda: self.record.enabled)

    def next_part(self) -> tuple[Part, Trigger]:
        """The next part to be announced from now on. Raises NoPart."""
        return self.following_part(time.monotonic_ns())

    def following_part(self, since_ns: int = 0) -> tuple[Part, Trigger]:
        """The next part of those announced since then that no step has had yet. Raises NoPart."""
        end_s = time.monotonic() + PARTS_S
        for trigger in self._link.triggers(threading.Event()):
            if trigger is not None and trigger.seen_ns >= since_ns:
                return self.record.parts[trigger.key], trigger
            self.record.require_link()
            if time.monotonic() > end_s:
                break
        why = "" if self.record.enabled else ": TRIGGER_ENABLE is 0, the PLC holds the line"
        raise NoPart(f"no part came within {PARTS_S:.0f} s (TRIG_HEAD {self.record.newest.get('TRIG_HEAD')}){why}")

    def say(self, trigger: Trigger, verdict: Verdict) -> None:
        """Deliver a verdict as the station does."""
        self._link.deliver(Decision(trigger, verdict, REASONS[verdict], time.monotonic_ns()))

    def check_a_part_passes(self, result: Result) -> None:
        """All is well: a true PASS lets its part pass."""
        part, trigger = self.next_part()
        self.say(trigger, Verdict.PASS)
        self.wait_outcomes([part])
        result.add_part(part, "pass")
        result.check(part.passed, f"seq {part.seq}: PASS said, outcome {part.outcomes}", NEVER_PASSES)

    def silence(self, part: Part) -> None:
        """From the next image on the PLC hears nothing of this part."""
        self._silent[part.epoch, part.seq] = None

    def was_silent(self, part: Part) -> bool:
        """Silenced, and before the link by itself had said that there is no decision, as it does at the deadline?"""
        return bool(self._silent[part.epoch, part.seq])

    def wait_outcomes(self, parts: list[Part]) -> bool:
        """Until the PLC has said of each part what it did with it."""
        return self.record.wait(lambda: all(part.outcomes for part in parts), self.decide_s + PATIENCE_S)

    @property
    def decide_s(self) -> float:
        """Photo-eye to decision point, as the PLC says."""
        newest = self.record.newest
        counts, hz = newest.get("DECIDE_COUNTS"), newest.get("ENC_HZ")
        return counts / hz if counts and hz else newest.get("DECIDE_MS") / 1000

    @contextmanager
    def forging(self, tamper: Tamper) -> Iterator[None]:
        """Every image inside is forged, the first of them at once."""
        with self.record.tampering(tamper):
            self._link.bell.ring()
            yield
        self._link.bell.ring()

    def look_on(self) -> None:
        """Some scans more, in which the PLC could change its mind."""
        beat = self.record.newest.get("PLC_HB")
        self.record.wait(lambda: (self.record.newest.get("PLC_HB") - beat) & 0xFFFF >= 3, 1.0)

    def cut(self) -> None:
        """Pull the cable."""
        self.record.cut = True
        self._link.bell.ring()

    def plug(self) -> bool:
        """Put it back; has the PLC answered?"""
        samples = self.record.newest
        self.record.cut = False
        return self.record.wait(lambda: self.record.newest is not samples, CONNECT_S)

    def restart(self) -> None:
        """End this agent and start the next one, under the next epoch, READY."""
        self._close()
        self._open()
        self._link.set_ready()


async def _refuse_beside_a_station(plc: PlcConfig) -> None:
    """Raises Fault while another agent writes into this PLC; only reads."""
    try:
        async with ModbusConnection(open_endpoint(plc), plc.device_id, max(plc.timeout_ms, 500)) as connection:
            before = await connection.read(AGENT_BLOCK.base, AGENT_BLOCK.count)
            await asyncio.sleep(STATION_LOOK_S)
            after = await connection.read(AGENT_BLOCK.base, AGENT_BLOCK.count)
    except LinkError as error:
        raise Fault(f"{error}: see 'linegate plc probe'") from error
    if AGENT_BLOCK.get(before, "AGENT_HB") != AGENT_BLOCK.get(after, "AGENT_HB"):
        epoch = AGENT_BLOCK.get(after, "AGENT_EPOCH")
        raise Fault(f"a station is running against this PLC (AGENT_HB moves, epoch {epoch}): stop it first")
