"""Drift: seldom a false alarm, real shifts soon, one alarm an excursion, and a memory that outlasts the process."""

from __future__ import annotations

import itertools
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.frame_check import check_frame
from agent.inspection import Frame, Image, Verdict
from agent.monitor import monitor
from agent.monitor.chart import EVIDENCE, MeanChart, RateChart, wilson
from agent.monitor.drift import Change, Drift, Part
from agent.monitor.parts import part_of
from agent.monitor.reference import Reference
from agent.plc.register_map import Alarm
from agent.procedural import render_tile
from agent.raised import Raised
from agent.recipe import FrameLimits
from agent.results import publisher
from agent.results_config import DriftConfig
from agent.subscriber.control_client import give_command
from tests.conftest import ROOT
from tests.results.many_lines import first_alarms, steady
from tests.results.monitored import MonitoredStation
from tests.waiting import wait_until

CONFIG = DriftConfig()
USUAL_PARTS = CONFIG.baseline_parts
Values = Iterable[float]


def followed(
    values: Values, rate: bool = False, config: DriftConfig = CONFIG
) -> tuple[Drift, list[tuple[int, Change]]]:
    """All changes of one figure, with the number of its part after the baseline."""
    drift, found = Drift(config, {}), []
    for number, value in enumerate(values, start=1 - config.baseline_parts):
        part = Part("tile", True, {}, {"figure": value > 0}) if rate else Part("tile", True, {"figure": value}, {})
        found += [(number, change) for change in drift.observe(part)]
    return drift, found


KINDS = ("quiet", "noisy", "skewed", "in batches", "0.06", "0.02", "0.0005")


def one_line(kind: str, parts: int, seed: int) -> list[float]:
    following = steady(kind, 1, seed)
    return [float(following()[0]) for _ in range(parts)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_that_nothing_happens_to_gives_no_alarm(kind: str) -> None:
    for seed in range(2):
        assert not followed(one_line(kind, USUAL_PARTS + 10_000, seed), rate=kind[0] == "0")[1]


@pytest.mark.parametrize(("kind", "then"), [("quiet", "0.5"), ("skewed", "quiet"), ("0.02", "0.2")])
def test_many_lines_at_once_are_as_one(kind: str, then: str) -> None:
    """What the month below is worth: the alarm comes with the very same part."""
    config, before, after = DriftConfig(baseline_parts=200), steady(kind, 1, 5), steady(then, 1, 5)
    sources = itertools.chain([before] * 200, itertools.repeat(after))
    (together,) = first_alarms(lambda: next(sources)(), 6_000, config, kind[0] == "0")
    values = [*one_line(kind, 200, 5), *one_line(then, 6_000, 5)]
    (alone, *_) = followed(values, kind[0] == "0", config)[1]
    assert together == alone[0]


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_two_thousand_lines_give_no_alarm_in_a_month_of_parts(kind: str) -> None:
    """52 million parts: a month at 20 a second; each line with limits learnt from parts of its own."""
    assert np.count_nonzero(first_alarms(steady(kind, 2_000, 7), 26_000, CONFIG, kind[0] == "0")) <= 1


def test_by_construction_a_false_alarm_is_rarer_than_once_a_month() -> None:
    """Lorden's bound needs E[exp(step)] ≤ 1 for values half-way to the limit; it is checked for what the charts do."""
    assert math.exp(EVIDENCE) > 20 * 86_400 * 30
    values = np.random.default_rng(1).normal(0, 1, 20_000)
    for sigma in (0.5, 5.0, 50.0):
        chart = MeanChart(Reference(2000, 100.0, sigma), 6, 0.05)
        half = (chart.rising.limit - 100) / 2
        assert np.mean([math.exp(EVIDENCE * chart.steps(100 + half + sigma * x)[0]) for x in values]) <= 1.02
    for seen in (0, 1, 40, 1000):
        usual = Reference(2000, seen / 2000, math.sqrt(seen / 2000 * (1 - seen / 2000)))
        chart = RateChart(usual, 6)
        for direction, rate in zip((1, 0), wilson(usual.mean, 2000, 3), strict=True):
            none, one = (math.exp(EVIDENCE * chart.steps(value)[direction]) for value in (0.0, 1.0))
            assert (1 - rate) * none + rate * one <= 1 + 1e-9


@pytest.mark.parametrize(
    ("kind", "change", "within_parts"),
    [
        ("quiet", lambda v: 0.9 * v, 100),
        ("noisy", lambda v: 0.9 * v, 3_000),
        ("noisy", lambda v: 0.7 * v, 400),
        ("in batches", lambda v: 1.1 * v, 1_500),
        ("skewed", lambda v: 0.4 * v, 1_000),
    ],
)
def test_a_shift_of_the_mean_is_found(kind: str, change: Callable[[float], float], within_parts: int) -> None:
    for seed in range(2):
        values = one_line(kind, USUAL_PARTS + within_parts, seed)
        _, found = followed([*values[:USUAL_PARTS], *map(change, values[USUAL_PARTS:])])
        assert found
        assert found[0][1].left


@pytest.mark.parametrize(
    ("usual", "then", "within_parts"),
    [("0.06", "0.18", 2_000), ("0.02", "0.06", 10_000), ("0.06", "0.0", 4_000), ("0.0", "0.02", 4_000)],
)
def test_another_rate_of_defects_is_found(usual: str, then: str, within_parts: int) -> None:
    """Three times as many; none any more, as when the model has gone blind; a class that was never seen before."""
    for seed in range(2):
        values = [*one_line(usual, USUAL_PARTS, seed), *one_line(then, within_parts, seed)]
        _, found = followed(values, rate=True)
        assert found
        assert found[0][1].left


def test_photos_that_are_all_the_same_do_not_make_the_first_change_an_alarm() -> None:
    """A folder of one image: no variance at all. Less than min_change is never news, more is."""
    same = [120.0] * USUAL_PARTS
    assert not followed([*same, *[120 * 1.04] * 20_000])[1]
    assert followed([*same, *[120 * 1.1] * 200])[1]


def test_some_black_photos_are_no_drift() -> None:
    values = one_line("quiet", USUAL_PARTS + 1_000, 1)
    values[USUAL_PARTS + 100 : USUAL_PARTS + 105] = [0.0] * 5
    assert not followed(values)[1]


def test_an_excursion_ends_when_a_whole_window_is_well_inside() -> None:
    usual, out, between = [120.0] * USUAL_PARTS, [100.0] * 400, [120 * 0.96] * 2_000
    drift, found = followed([*usual, *out, *between])
    assert drift.drifting == ["figure"], "inside, but nearer to the limit than to the usual"
    assert [change.left for _, change in found] == [True]
    drift, found = followed([*usual, *out, *between, *[121.0] * 2 * CONFIG.window_parts, *out])
    assert [change.left for _, change in found] == [True, False, True]
    assert found[0][1].now == 100.0, "the mean since it left, not of a window that began before"
    assert "usual 120, limits 114 to 126" in str(found[0][1])


def test_each_product_has_its_own_baseline_and_jobs_take_turns() -> None:
    drift = Drift(DriftConfig(baseline_parts=100), {})
    for turn in range(4):
        for product, grey in (("tile", 100.0), ("plate", 200.0)):
            changes = [drift.observe(Part(product, True, {"grey": grey + n % 2}, {})) for n in range(50)]
            assert not any(changes), turn
    assert [figure.usual for figure in drift.figures] == [200.5]


# --- real photos -----------------------------------------------------------------------------------------------------

REAL = ROOT.parent / "shared/magnetic-tile/Magnetic-tile-defect-datasets.-master.zip"


@cache
def tiles(exposure: int) -> tuple[Image, ...]:
    """Good tiles: the data set's own photos of that exposure (1…6); without the data set, rendered ones that bright."""
    if not REAL.exists():
        shown = [render_tile(np.random.default_rng(seed), "free", 256, 256)[0] for seed in range(80)]
        return tuple(cv2.convertScaleAbs(image, alpha=(66 + 17 * (exposure - 1)) / image.mean()) for image in shown)
    with zipfile.ZipFile(REAL) as photos:
        names = [name for name in photos.namelist() if re.search(rf"MT_Free/Imgs/exp{exposure}_.*jpg", name)]
        return tuple(cv2.imdecode(np.frombuffer(photos.read(name), np.uint8), 0) for name in names[:80])


def seen(images: Iterable[Image], parts: int, seed: int) -> Iterator[Part]:
    """A belt with these in any order."""
    stats = [check_frame(Frame(image, 0, 0), FrameLimits(min_sharpness=0)) for image in images]
    for choice in np.random.default_rng(seed).integers(len(stats), size=parts):
        yield Part("tile", True, {"grey": stats[choice].mean_grey, "sharpness": stats[choice].sharpness}, {})


@pytest.mark.parametrize(
    ("images", "figures"),
    [
        (lambda: tiles(4), set()),
        (lambda: tiles(5), {"grey"}),
        (lambda: tiles(3), {"grey"}),
        (lambda: [cv2.convertScaleAbs(image, alpha=0.9) for image in tiles(4)], {"grey"}),
        (lambda: [cv2.GaussianBlur(image, (0, 0), 0.8) for image in tiles(4)], {"sharpness"}),
    ],
    ids=["the same light", "one exposure brighter", "one darker", "a tenth darker", "out of focus"],
)
def test_photos_of_tiles_in_another_light_or_out_of_focus(
    images: Callable[[], Iterable[Image]], figures: set[str]
) -> None:
    drift = Drift(CONFIG, {})
    parts = [*seen(tiles(4), USUAL_PARTS, 1), *seen(images(), 1_000, 2)]
    left = {change.figure for part in parts for change in drift.observe(part) if change.left}
    assert figures <= left
    assert figures or not left


# --- the station -----------------------------------------------------------------------------------------------------

DRIFT = {"baseline_parts": 100, "window_parts": 20}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "ROUND_S", 0.01)
    monkeypatch.setattr(publisher, "STATUS_S", 0.05)


@pytest.mark.usefixtures("quick")
def test_one_alarm_an_excursion_to_plc_pulse_and_journal(tmp_path: Path) -> None:
    with MonitoredStation(tmp_path, drift=DRIFT) as station:

        def alarms() -> tuple[str, ...]:
            return station.link.situation().alarms

        def drifting() -> list[str]:
            return station.records._monitor.drift.drifting

        station.see(100)
        wait_until(lambda: bool(station.events("drift")), "what is usual is learnt")
        station.see(100, grey=100)
        wait_until(lambda: alarms() == (Alarm.DRIFT.name,), "the alarm is latched")
        assert drifting() == ["mean_grey"]
        wait_until(lambda: ("DRIFT", "raised") in station.events("alarm"), "the alarm is an event")
        station.link.operator.clear_alarms()
        wait_until(lambda: ("DRIFT", "cleared") in station.events("alarm"), "that is one too")
        station.see(100, grey=100)
        wait_until(lambda: not station.records._monitor._waiting, "all are looked at")
        assert alarms() == (), "cleared by a person, and not raised again by the same excursion"
        assert drifting() == ["mean_grey"], "which goes on"
        station.see(100)
        wait_until(lambda: drifting() == [], "the figure has come back")
        station.see(100, grey=100)
        wait_until(lambda: alarms() == (Alarm.DRIFT.name,), "another excursion is another alarm")
        wait_until(lambda: len(station.events("alarm")) == 3, "each change is an event")
    assert station.events("alarm") == [("DRIFT", "raised"), ("DRIFT", "cleared"), ("DRIFT", "raised")]
    (learnt, left, back, again) = station.events("drift")
    assert learnt[0] == "baseline"
    assert "mean_grey 121" in learnt[1]
    assert left[0] == back[0] == again[0] == "mean_grey"
    assert re.fullmatch(r"left its limits: 10\d.* over the last \d+ parts, usual 121, limits 11\d.* to 12\d.*", left[1])
    assert back[1].startswith("came back within its limits: ")


@pytest.mark.usefixtures("quick")
def test_a_restart_does_not_learn_a_drifted_line_and_relearn_does(tmp_path: Path) -> None:
    with MonitoredStation(tmp_path, drift=DRIFT) as station:
        station.see(60)
    with MonitoredStation(tmp_path, drift=DRIFT) as station:  # what had been learnt so far counts
        station.see(40)
        wait_until(lambda: len(station.events("drift")) == 1, "what is usual is learnt")
    with MonitoredStation(tmp_path, drift=DRIFT) as station:
        station.see(100, grey=100)
        wait_until(lambda: station.records._monitor.drift.drifting == ["mean_grey"], "the old baseline is kept to")
        reply = give_command(station.endpoints["control"], "relearn", "R. Diaz")
        assert reply.detail == "what is usual is learnt from the next 100 parts"
        station.see(101, grey=100)
        wait_until(lambda: len(station.events("drift")) == 3, "it is learnt anew")
        assert station.records._monitor.drift.drifting == []
    with MonitoredStation(tmp_path, model="cd", drift=DRIFT) as station:
        station.see(100, grey=50)
        wait_until(lambda: len(station.events("drift")) == 4, "another model has its own baseline")
    assert [what for what, _ in station.events("drift")] == ["baseline", "mean_grey", "baseline", "baseline"]
    kept = json.loads((tmp_path / "state" / "drift.json").read_text())["products"]
    assert [product.split("/")[0][:2] for product in kept] == ["ab", "cd"]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"schema": 2, "products": {}}', b"\xff" * 64])
def test_a_damaged_file_is_one_warning_and_a_new_baseline(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "drift.json").write_bytes(damage)
    watched = monitor.Monitor(CONFIG, tmp_path, lambda _: None, Raised())
    watched.close()
    assert len([record for record in caplog.records if "drift.json" in record.getMessage()]) == 1
    watched.drift.observe(Part("tile", True, {"grey": 1.0}, {}))
    assert watched.drift.learning_parts == USUAL_PARTS - 1


def test_a_disk_that_takes_no_baseline_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = monitor.Baselines(tmp_path / "nowhere" / "drift.json")
    assert not file.write("{}")
    assert not file.write("{}")
    assert len(caplog.records) == 1


@pytest.mark.usefixtures("quick")
def test_parts_that_say_nothing_of_the_line_do_not_count(tmp_path: Path) -> None:
    heard = []
    with MonitoredStation(tmp_path) as station:
        station.records.journal.on_completed(lambda message, _: heard.append(message))
        station.see(1)
        station.see(1, Verdict.REJECT)
        station.see(1, Verdict.NO_DECISION)
    passed, rejected, missed = heard
    part = part_of(rejected)
    assert part
    assert part.rates == {"no_decision_rate": False, "defect_rate.crack": True, "defect_rate.fray": False}
    assert part.means == {"mean_grey": 120.0, "sharpness": 300.0, "margin": 0.4}
    part = part_of(missed)
    assert part
    assert not part.judged
    assert part.rates == {"no_decision_rate": True}
    for other in (
        {"challenge": True},
        {"bypass": True},
        {"reason": "offline"},
        {"reason": "agent_down"},
        {"kind": "gap"},
    ):
        assert part_of(passed.model_copy(update=other)) is None
    real = part_of(passed.model_copy(update={"simulated": False}))
    assert real
    assert real.product != part.product
    assert replace(real, product="").means == part_of(passed).means  # type: ignore[union-attr]
