"""What the simulator is made of, without a process: belt arithmetic, arm, operator, wrong answers, the parser."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from agent.errors import UsageError
from agent.plc.sim.arm import CONFIRM_S, OPEN, SHUT, WATCHDOG_S, Arm, Gate, Outputs, Wiring
from agent.plc.sim.belt import Belt, blank_parts, procedural_parts
from agent.plc.sim.command import plc_sim
from agent.plc.sim.commands import COMMANDS, WRONG_ANSWERS
from agent.plc.sim.console import BadCommand, Order, parse, read_script
from agent.plc.sim.drive import U32, BeltControl, Drive, Encoder
from agent.plc.sim.faults import spoil
from agent.plc.sim.inputs import Panel
from agent.plc.sim.panel import PRESSED_S, Operator

# --- the belt --------------------------------------------------------------------------------------------------------

legs = st.lists(st.tuples(st.integers(1, 5000), st.sampled_from([0, 0, 50, 320, 1000])), max_size=12)
"""(ms until the speed changes, mm/s from then on)"""


def driven(changes: list[tuple[int, int]]) -> tuple[Drive, float, list[tuple[float, float]]]:
    """The drive, when it last changed, and its way summed up leg by leg: (time, mm)."""
    drive, at_s, mm, speed, corners = Drive(), 100.0, 0.0, 0, [(100.0, 0.0)]
    for ms, mm_s in changes:
        at_s, mm = at_s + ms / 1000, mm + speed * ms / 1000
        speed = mm_s
        drive.set_speed(at_s, mm_s)
        corners.append((at_s, mm))
    return drive, at_s, corners


@given(legs)
def test_the_belt_is_where_its_speeds_have_brought_it(changes: list[tuple[int, int]]) -> None:
    drive, _, corners = driven(changes)
    for at_s, mm in corners:
        assert drive.position_mm(at_s) == pytest.approx(mm)


@given(legs, st.floats(0.001, 20_000, allow_subnormal=False))
def test_when_is_the_inverse_of_where(changes: list[tuple[int, int]], mm: float) -> None:
    drive, last_s, _ = driven([*changes, (1000, 320)])
    at_s = drive.when_s(mm)
    assert at_s is not None
    assert drive.position_mm(at_s) == pytest.approx(mm, abs=1e-6)
    drive.set_speed(last_s, 0)
    assert (drive.when_s(mm + 1) is None) == (drive.position_mm(last_s) < mm + 1)


def test_what_was_set_for_later_is_void_when_something_else_is_set() -> None:
    drive = Drive()
    drive.set_speed(101.5, 320)
    drive.set_speed(100.5, 0)
    assert drive.position_mm(200) == 0


@given(st.integers(0, U32 - 1), st.floats(0, 1e6, allow_subnormal=False), st.floats(0.01, 100, allow_subnormal=False))
def test_the_encoder_wraps_and_never_runs_back(start: int, mm: float, step_mm: float) -> None:
    encoder = Encoder(10, start)
    before, after = encoder.count(mm), encoder.count(mm + step_mm)
    assert 0 <= before < U32
    assert abs((after - before) % U32 - step_mm * 10) <= 1.001


def test_only_the_plcs_own_stops_count_as_standing() -> None:
    drive = Drive()
    control = BeltControl(drive, 100)
    control.release(10)
    control.fail(11, 0)
    control.fail(12, None)
    assert control.released
    assert (control.hold(13), control.hold(14)) == (True, False)
    assert not control.released
    assert control.release(16)
    assert drive.position_mm(17) == pytest.approx(100 * (1 + 1 + 1))


def test_a_long_belt_shows_the_same_images_again_and_an_endless_one_for_ever() -> None:
    parts = procedural_parts(3, 0.5, 1)
    belt = Belt(parts, 32, 128, endless=True, test_every=5)
    assert belt.count is None
    assert belt.part(301).part_id == 302
    assert np.array_equal(belt.part(301).image, parts[1].image)
    assert [belt.part(index).challenge for index in range(10)] == [False] * 4 + [True] + [False] * 4 + [True]
    assert belt.part(4).kind == "blowhole"
    assert belt.part(4).image.min() < parts[1].image.min()


def test_the_lens_shows_what_lies_under_it() -> None:
    belt = Belt(procedural_parts(3, 0.0, 1), 32, 128)
    image = belt.part(1).image
    assert np.array_equal(belt.under_lens(belt.eye_mm(1)), image)
    assert np.array_equal(belt.under_lens(belt.eye_mm(1) + 3.2)[32:], image[:-32])
    bare = belt.under_lens(belt.eye_mm(1) + 16)
    assert bare.shape == image.shape
    belt.take_off(1)
    assert belt.under_lens(belt.eye_mm(1)).mean() < 40


def test_the_arm_gets_hold_only_of_what_lies_before_it() -> None:
    belt = Belt(blank_parts(5), 32, 130)
    assert belt.before_arm(belt.eye_mm(2) + 130) == 2
    assert belt.before_arm(belt.eye_mm(2) + 130 + 7) == 2
    assert belt.before_arm(belt.eye_mm(2) + 130 + 16) is None
    assert belt.part(5) is None


# --- the arm ---------------------------------------------------------------------------------------------------------


def test_outputs_fall_when_the_program_does_not_run() -> None:
    outputs = Outputs(Wiring(pass_coil=3, lane_coils={"crack": 4}))
    outputs.write(10.0, outputs.from_coils([False, False, False, True, True], trusted=True))
    assert outputs.at(10.0 + WATCHDOG_S) == OPEN
    assert outputs.at(10.01 + WATCHDOG_S) == outputs.at(9.9) == SHUT
    assert outputs.from_coils([False, False, False, False, True], trusted=True) == Gate(False, "crack")
    assert outputs.from_coils([False, False, False, True, True], trusted=False) == SHUT


def test_a_dead_reject_wire_lets_everything_pass() -> None:
    outputs = Outputs(Wiring(reject_coil=0))
    assert outputs.at(5.0) == OPEN
    assert outputs.from_coils([True], trusted=True) == SHUT
    assert outputs.from_coils([True], trusted=False) == OPEN


def test_the_confirm_sensor_sees_rejected_parts_only() -> None:
    arm = Arm()
    arm.act(10.0, SHUT, part_there=True)
    arm.act(10.0, SHUT, part_there=False)
    arm.act(10.0, OPEN, part_there=True)
    assert (arm.confirmed(10.0), arm.confirmed(10.0 + CONFIRM_S)) == (0, 1)
    arm.jammed_until_s = 20.0
    assert arm.act(11.0, SHUT, part_there=True) == OPEN
    arm.blind_until_s = 30.0
    arm.act(21.0, SHUT, part_there=True)
    assert arm.confirmed(29.0) == 1


# --- the operator ----------------------------------------------------------------------------------------------------


def test_the_operator_comes_and_presses_again_when_it_was_in_vain() -> None:
    operator = Operator(Panel(), after_s=2)
    pressed = []
    for tick in range(100):
        operator.watch(tick / 10, stopped=10 <= tick < 70)
        pressed.append(operator.panel.clear_fault)
    edges = [tick for tick in range(1, 100) if pressed[tick] and not pressed[tick - 1]]
    assert edges[0] == 30
    assert len(edges) == 2, "let go, waited and pressed again"
    assert sum(pressed[30:50]) == int(PRESSED_S * 10)
    assert not any(pressed[75:])


def test_nobody_comes() -> None:
    operator = Operator(Panel(), after_s=0)
    for tick in range(100):
        operator.watch(tick, stopped=True)
    assert not operator.panel.clear_fault


# --- wrong answers ---------------------------------------------------------------------------------------------------

READ = bytes.fromhex("01 03 04 5601 0007")
WRITTEN = bytes.fromhex("01 10 00c8 0079")


def frame(body: bytes, rtu: bool) -> bytes:
    if rtu:
        return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
    return bytes.fromhex("0009 0000") + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize("rtu", [False, True])
@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("fc", READ, "01 04 04 5601 0007"),
        ("fc", WRITTEN, "01 0f 00c8 0079"),
        ("short", READ, "01 03 02 5601"),
        ("long", READ, "01 03 06 5601 0007 0000"),
        ("echo", WRITTEN, "01 10 00c9 0079"),
        ("exception", WRITTEN, "01 90 04"),
        ("unit", READ, "0e 03 04 5601 0007"),
        ("short", WRITTEN, WRITTEN.hex()),
        ("echo", READ, READ.hex()),
    ],
)
def test_a_wrong_answer_is_wrong_in_one_way_only(kind: str, right: bytes, wrong: str, rtu: bool) -> None:
    assert spoil(kind, frame(right, rtu), rtu, random.Random(1)) == frame(bytes.fromhex(wrong), rtu)


@pytest.mark.parametrize("kind", WRONG_ANSWERS)
def test_every_kind_of_the_menu_is_known(kind: str) -> None:
    body = WRITTEN if kind == "echo" else READ
    assert spoil(kind, frame(body, False), False, random.Random(1)) != frame(body, False)


# --- the menu --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("", None),
        ("   # only a comment", None),
        (" restart keep # why", Order("restart", ("keep",))),
        ("slow 50 1000", Order("slow", (50, 1000))),
        ("speed 12.5", Order("speed", (12.5,))),
        ("wrong echo", Order("wrong", ("echo",))),
    ],
)
def test_good_lines(line: str, order: Order | None) -> None:
    assert parse(line, COMMANDS) == order


NAMES = [command.name for command in COMMANDS]
words = st.one_of(st.sampled_from([*NAMES, *WRONG_ANSWERS, "on", "key"]), st.integers().map(str), st.text(max_size=5))


@given(st.lists(words, max_size=4).map(lambda typed: " ".join(" ".join(typed).split())))
def test_whatever_is_typed_is_an_order_or_one_line_of_complaint(line: str) -> None:
    complaint = ""
    try:
        order = parse(line, COMMANDS)
        assert order is None or order.name in NAMES
    except BadCommand as error:
        complaint = str(error)
    assert "\n" not in complaint


def test_a_script_is_in_order_of_time(tmp_path: Path) -> None:
    script = tmp_path / "faults.txt"
    script.write_text("# two faults\n\n12.5 freeze 400   # then\n3 drop\n")
    assert read_script(script, COMMANDS) == [(3.0, Order("drop", ())), (12.5, Order("freeze", (400,)))]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1 drop\nsoon drop\n", "line 2: 'soon' is no time"),
        ("nan drop\n", "line 1: 'nan' is no time"),
        ("1\n", "line 1: no command behind '1'"),
        ("1 frobnicate\n", "line 1: unknown command 'frobnicate'"),
        ("1 freeze -5\n", "line 1: 'freeze -5': MS must be a whole number 1…60000: freeze MS"),
    ],
)
def test_a_bad_script_is_refused_at_the_start(tmp_path: Path, text: str, complaint: str) -> None:
    script = tmp_path / "faults.txt"
    script.write_text(text)
    with pytest.raises(UsageError, match="--script ") as refused:
        read_script(script, COMMANDS)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"script": Path("/no/such/script")}, "--script /no/such/script: cannot be read"),
        ({"arm": "coils"}, "--arm coils needs --pass-coil or --reject-coil"),
        ({"arm": "coils", "pass_coil": 1, "reject_coil": 2}, "one of the two"),
        ({"pass_coil": 1}, "need --arm coils"),
        ({"arm": "coils", "pass_coil": 1, "lane_coils": "crack=16"}, "--lane-coils 'crack=16': write class=coil"),
        ({"arm": "coils", "pass_coil": 1, "lane_coils": "crack=1"}, "a coil of their own"),
        ({"decide_by": "encoder", "rate": 500.0}, "ENC_HZ holds 65535: lower --counts-per-mm"),
        ({"decide_by": "encoder", "arm_mm": 9000.0}, "DECIDE_COUNTS holds 1…65535"),
        ({"arm": "coils", "pass_coil": 1, "role": "client"}, "--arm coils does not go with --role client"),
        ({"serial": "/dev/ttyS0", "role": "client"}, "--serial does not go with --role client"),
    ],
)
def test_options_that_do_not_go_together(
    capsys: pytest.CaptureFixture[str], options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        plc_sim(**options)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
