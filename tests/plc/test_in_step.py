"""PART_ID_ERROR: latched over restarts, never healed but by CLEAR_FAULT; and frames that nobody asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.inspection import Reason, Trigger
from agent.part_id_latch import PartIdLatch
from agent.plc.decision import Timing
from agent.plc.handshake import Handshake
from agent.plc.in_step import InStep
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, Alarm, Ctrl, Status
from agent.plc.sim.inputs import Edge, Panel
from agent.plc.sim.program import PlcProgram

MS = 1_000_000
SCAN_MS = 10
GOOD = Status.ONLINE | Status.READY


class Camera:
    """What the link tells its camera."""

    on_out_of_step: Callable[[str], None]

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.anew = 0
        self.spans: list[tuple[int, int]] = []

    def begin_anew(self) -> None:
        self.anew += 1

    def announced(self, trigger: Trigger) -> None:
        self.heard.append(trigger.seq)

    def unsolicited(self, since_ns: int, until_ns: int) -> int:
        self.spans.append((since_ns, until_ns))
        return 0


class Line:
    """The simulator's PLC program, the agent's handshake, and the camera that hears of both."""

    def __init__(self, state_dir: Path, epoch: int = 1) -> None:
        self.state_dir, self.now_ms, self.parts = state_dir, 100_000, 0
        self.plc = PlcProgram(epoch, 400, panel=Panel())
        self.image = [0] * AGENT_BLOCK.count
        self.start_agent()

    def start_agent(self) -> None:
        """A new process."""
        self.agent = Handshake(Timing(100, 30, SCAN_MS), 7)
        self.camera = Camera()
        self.in_step = InStep(self.agent, threading.Lock(), PartIdLatch(self.state_dir))
        self.in_step.follow(self.camera)
        self.decided: list[Reason] = []
        self.run(20)

    def run(self, scans: int, parts: int = 0) -> None:
        """So many scans, each read at once; the first ones announce parts."""
        for number in range(scans):
            self.now_ms += SCAN_MS
            edges = []
            if number < parts:
                self.parts += 1
                edges = [Edge(self.parts, self.now_ms)]
            self.plc.scan(self.now_ms, edges, self.image)
            self.read(list(self.plc.words))
            self.image = self.agent.block(GOOD, alive=True)

    def read(self, words: list[int], took_ms: int = 0) -> None:
        sent_ns, received_ns = (self.now_ms - took_ms) * MS, self.now_ms * MS
        seen = self.agent.observe(words, sent_ns, received_ns)
        self.in_step.heard(seen, sent_ns, received_ns)
        self.decided += [decision.reason for decision in seen.settled]

    def press_clear(self) -> None:
        self.plc.panel.clear_fault = True
        self.run(3)
        self.plc.panel.clear_fault = False
        self.run(30)

    @property
    def status(self) -> Status:
        return Status(AGENT_BLOCK.get(self.image, "STATUS"))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_out_of_step_takes_the_station_offline_and_refuses_every_part(line: Line) -> None:
    assert line.status & GOOD == GOOD
    assert line.plc.agent_ready
    line.camera.on_out_of_step("frame 5 fits in time, frame 4 in count")
    line.run(3, parts=3)
    assert not line.status & GOOD
    assert line.status & Status.PART_ID_ERROR
    assert AGENT_BLOCK.get(line.image, "ERROR_CODE") == Reason.FRAME_MISMATCH
    assert not line.plc.agent_ready
    assert line.decided == [Reason.FRAME_MISMATCH] * 3


def test_only_clear_fault_ends_it_however_often_the_process_starts_anew(line: Line) -> None:
    line.camera.on_out_of_step("frame 5 fits in time, frame 4 in count")
    for _ in range(3):
        line.start_agent()
        assert not line.status & GOOD
        assert line.status & Status.PART_ID_ERROR
        line.run(2, parts=1)
        assert line.decided == [Reason.FRAME_MISMATCH]
    line.press_clear()
    assert line.camera.anew == 1
    assert line.status & GOOD == GOOD
    assert not line.status & Status.PART_ID_ERROR
    line.start_agent()
    assert line.status & GOOD == GOOD
    line.run(2, parts=1)
    assert line.decided == []


def test_a_clear_fault_that_stands_already_at_the_start_ends_nothing(line: Line) -> None:
    """Whoever pressed it spoke to the process before; or the button sticks."""
    line.camera.on_out_of_step("why")
    line.plc.panel.clear_fault = True
    line.plc.scan(line.now_ms, [], line.image)
    assert Ctrl(PLC_BLOCK.get(line.plc.words, "CTRL")) & Ctrl.CLEAR_FAULT
    line.start_agent()
    assert not line.status & GOOD
    line.plc.panel.clear_fault = False
    line.run(5)
    line.press_clear()
    assert line.status & GOOD == GOOD


def test_a_plc_that_starts_anew_ends_nothing(line: Line) -> None:
    line.camera.on_out_of_step("why")
    line.plc = PlcProgram(2, 400, panel=Panel())
    line.run(30)
    assert not line.status & GOOD
    assert line.camera.anew == 0


def test_clear_fault_while_in_step_does_not_begin_a_new_count(line: Line) -> None:
    line.press_clear()
    assert line.camera.anew == 0


def test_an_error_between_two_reads_is_not_taken_for_a_cleared_one(line: Line) -> None:
    line.camera.on_out_of_step("first")
    line.press_clear()
    line.camera.on_out_of_step("second")
    line.run(3)
    assert not line.status & GOOD
    assert PartIdLatch(line.state_dir).why == "second"


def test_the_error_outlives_a_disk_that_takes_nothing_in_memory_at_least(line: Line) -> None:
    line.state_dir.joinpath("part_id_error.new").mkdir()
    line.camera.on_out_of_step("why")
    line.run(3, parts=1)
    assert not line.status & GOOD
    assert line.decided == [Reason.FRAME_MISMATCH]


def test_an_empty_or_broken_file_is_an_error_too(tmp_path: Path) -> None:
    (tmp_path / "part_id_error").write_text("")
    assert PartIdLatch(tmp_path).set
    (tmp_path / "part_id_error").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="state_dir"):
        PartIdLatch(tmp_path)


# --- frames that nobody asked for ------------------------------------------------------------------------------------


def test_the_camera_hears_of_every_part_inspected_or_not(line: Line) -> None:
    line.run(5, parts=5)
    line.plc.panel.set_offline = True
    line.run(5, parts=3)
    assert line.camera.heard == list(range(1, 9))


def test_frames_are_judged_only_while_the_plc_announces_parts_without_a_break(line: Line) -> None:
    line.run(100)
    since_ns, until_ns = line.camera.spans[-1]
    assert 100_000 * MS < since_ns < until_ns < (line.now_ms - 400) * MS
    line.plc.panel.set_offline = True  # the PLC takes TRIGGER_ENABLE away
    gone_ms = line.now_ms
    line.run(30)
    assert line.camera.spans[-1][0] == since_ns, "what came before is still judged"
    line.now_ms += 400  # the link is away
    line.run(50)
    assert max(span[1] for span in line.camera.spans if span[0] == since_ns) <= (gone_ms + 5 * SCAN_MS) * MS
    assert line.camera.spans[-1][0] > line.now_ms * MS, "what has come since is not"
    line.plc.panel.set_offline = False
    back_ms = line.now_ms
    line.run(100)
    assert line.camera.spans[-1][0] >= back_ms * MS


def test_frames_after_trigger_enable_has_fallen_are_nobodys_however_slow_the_read(line: Line) -> None:
    """The belt runs out: it may carry parts past the photo-eye, which the PLC does not announce any more."""
    line.run(100)
    since_ns = line.camera.spans[-1][0]
    enabled_ms = line.now_ms
    line.plc.panel.set_offline, line.image = True, line.agent.block(Status.ONLINE, alive=True)
    for _ in range(15):  # one packet lost: the PLC goes on scanning
        line.now_ms += SCAN_MS
        line.plc.scan(line.now_ms, [], line.image)
    assert not Ctrl(PLC_BLOCK.get(line.plc.words, "CTRL")) & Ctrl.TRIGGER_ENABLE
    line.read(list(line.plc.words), took_ms=15 * SCAN_MS)
    line.run(100)
    judged_until_ns = max(until_ns for begun_ns, until_ns in line.camera.spans if begun_ns == since_ns)
    assert (enabled_ms - 3 * SCAN_MS) * MS <= judged_until_ns <= enabled_ms * MS


def test_a_plc_that_stands_still_or_is_heard_twice_judges_nothing(line: Line) -> None:
    line.run(50)
    judged, words = len(line.camera.spans), list(line.plc.words)
    for _ in range(50):
        line.now_ms += SCAN_MS
        line.read(words)
    assert len(line.camera.spans) == judged


def test_a_ring_overrun_excuses_the_frames_before_it(line: Line) -> None:
    line.run(50)
    for _ in range(20):  # the link is away meanwhile
        line.now_ms += SCAN_MS
        line.parts += 1
        line.plc.scan(line.now_ms, [Edge(line.parts, line.now_ms)], line.image)
    away_until_ms = line.now_ms
    line.run(100)
    assert Reason.RING_OVERRUN in line.decided
    assert line.camera.spans[-1][0] >= away_until_ms * MS


def test_an_unsolicited_frame_is_an_alarm_until_it_is_cleared(line: Line) -> None:
    line.camera.unsolicited = lambda since_ns, until_ns: int(line.in_step.unsolicited < 2)  # type: ignore[method-assign]
    line.run(5)
    assert line.in_step.unsolicited == 2
    assert Alarm(AGENT_BLOCK.get(line.image, "ALARM")) is Alarm.UNSOLICITED_FRAME
    assert line.status & Status.WARN
    assert not line.status & Status.STOP_REQUEST
    line.press_clear()
    assert not Alarm(AGENT_BLOCK.get(line.image, "ALARM"))
