"""What goes when there is no room: by worth, oldest first, whole; nothing that is not ours, and nothing in vain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.archive.check import archive_warnings
from agent.archive.disk_budget import A_DAY_GOES_EVERY_S, SPACE_SHOWS_S, Ageing, DiskBudget, FreeSpace, on_disk
from agent.archive.encoded import Encoded
from agent.archive.kept_images import kept_names
from agent.archive.layout import UNFINISHED, Name, Why
from agent.archive.store import Store
from agent.config import load_config
from agent.results_config import ArchiveConfig
from tests.conftest import ROOT
from tests.faults.small_disk import SmallDisk

BLOCK = 4096
TRIPLE = 3 * BLOCK
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def image(message_id: int, why: Why = Why.REJECT, days_ago: int = 0, station: str = "cam1") -> Encoded:
    """Three files of one block each."""
    name = Name(NOON - timedelta(days=days_ago) + timedelta(milliseconds=message_id), message_id, "line1", station, why)
    return Encoded(name, tuple((name.stem + ending, b"x") for ending in (".png", ".mask.png", ".json")))


def store(folder: Path, images: float = 1e6, scanned: bool = True, station: str = "cam1", **settings: float) -> Store:
    """With room for so many images."""
    config = ArchiveConfig(folder=folder, max_gb=images * TRIPLE / 1e9, **{"min_free_gb": 0.0} | settings)
    opened = Store(folder, "line1", station, config)
    if scanned:
        list(opened.scan())
    return opened


def kept(folder: Path) -> list[int]:
    """What is there, by message_id in the order of time."""
    return [name.message_id for name in kept_names(folder)]


# --- the order -------------------------------------------------------------------------------------------------------


def test_good_parts_go_first_and_evidence_of_rejects_last_the_oldest_of_each(tmp_path: Path) -> None:
    full = store(tmp_path, images=8)
    for n, why in enumerate((Why.REJECT, Why.NO_DECISION, Why.UNCERTAIN, Why.SAMPLE), start=1):
        full.add(image(n, why, days_ago=1))
        full.add(image(n + 10, why))
    went, there = [], set(kept(tmp_path))
    for n in range(20, 28):
        full.add(image(n))
        now = set(kept(tmp_path))
        went += sorted(there - now)
        there = now
    assert went == [4, 14, 3, 13, 2, 12, 1, 11]
    assert len(list(tmp_path.glob("*/*"))) == 8 * 3


def test_of_a_full_shelf_few_names_are_in_memory_and_the_oldest_still_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.archive.store.MOST_LISTED", 3)
    for n in range(40):
        store(tmp_path).add(image(n))
    full = store(tmp_path, images=40.5)
    for n in range(40, 80):
        full.add(image(n))
        assert kept(tmp_path) == list(range(n - 39, n + 1))
        assert len(full._going) <= 3


@given(st.lists(st.tuples(st.sampled_from(Why), st.integers(0, 5), st.integers(1, 9)), max_size=60), st.integers(1, 60))
def test_no_more_goes_than_must_and_never_the_better_before_the_worse(
    images: list[tuple[Why, int, int]], need: int
) -> None:
    budget = DiskBudget(max_bytes=60, min_free_bytes=0)
    for why, day, nbytes in images:
        budget.add(why, f"2026-01-0{day + 1}", nbytes)
    went = []
    while not budget.fits(need, 1e9):
        shelf = budget.next_to_go()
        assert shelf is not None
        went.append((list(Why).index(shelf[0]), shelf[1]))
        budget.forget(*shelf)
    assert went == sorted(went)
    assert budget.total_bytes + need <= 60


def test_what_must_stay_free_is_kept_free_unless_all_of_ours_would_not_do() -> None:
    budget = DiskBudget(max_bytes=1000, min_free_bytes=100)
    budget.add(Why.REJECT, "2026-01-01", 50)
    assert budget.fits(10, 110)
    assert not budget.fits(10, 109)
    assert not budget.in_vain(10, 60)
    assert budget.in_vain(10, 59), "somebody else has filled the disk: evidence is not thrown after it"
    assert budget.in_vain(1001, 1e9)


def test_an_image_larger_than_the_whole_budget_drives_nothing_out(tmp_path: Path) -> None:
    small = store(tmp_path, images=2)
    small.add(image(1))
    large = image(2)
    with pytest.raises(OSError, match="no room"):
        small.add(Encoded(large.name, ((large.files[0][0], b"x" * 3 * TRIPLE),)))
    assert kept(tmp_path) == [1]


def test_freed_space_that_does_not_show_yet_is_not_freed_twice() -> None:
    free = FreeSpace()
    assert free.believed(50, now_s=0) == 50
    assert free.deleted(20, 50, shown_bytes=0, now_s=0) == 70
    free.written(5)
    assert free.believed(50, now_s=1) == 65
    assert free.believed(80, now_s=1) == 80
    assert free.deleted(10, 65, shown_bytes=0, now_s=SPACE_SHOWS_S - 1) == 75
    assert free.believed(50, now_s=SPACE_SHOWS_S + 1) == 50, "however often something goes: another may fill the disk"


def test_freed_space_that_shows_at_once_is_what_the_file_system_says() -> None:
    free = FreeSpace()
    assert free.deleted(20, 50, shown_bytes=19, now_s=0) == 70
    assert free.believed(50, now_s=1) == 50


def test_a_neighbour_that_fills_the_disk_is_noticed_while_images_come_and_go(tmp_path: Path) -> None:
    """An archive at its limit, which deletes one for each new one: the usual case."""
    with SmallDisk(tmp_path / "disk", 3) as disk:
        full = store(disk.path / "images", min_free_gb=0.002)
        for n in range(200):
            full.add(image(n))
        assert 0 < len(kept(disk.path / "images")) < 150, "it has come to its limit"
        disk.fill()
        with pytest.raises(OSError, match=r"no room within archive\.max_gb and archive\.min_free_gb"):
            full.add(image(200))
        disk.free()
        full.add(image(201))


# --- what is ours ----------------------------------------------------------------------------------------------------


def test_what_is_there_at_the_start_counts_and_nothing_that_is_not_ours(tmp_path: Path) -> None:
    strangers = [
        tmp_path / "notes.txt",
        tmp_path / "2026-11-27" / "IMG_0001.png",
        tmp_path / "2026-11-27" / "120000-001_1_line1.cam1_reject.png.bak",
        tmp_path / "holiday" / (image(1).name.stem + ".png"),
    ]
    for path in strangers:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100 * TRIPLE)
    outside = tmp_path.with_name(tmp_path.name + "-outside")
    outside.mkdir()
    for name in ("120000-009_9_line1.cam1_sample.json", "x.png"):
        (outside / name).write_text("x" * 100)
    (tmp_path / "2026-11-20").symlink_to(outside)
    link = tmp_path / "2026-11-27" / "120000-009_9_line1.cam1_sample.png"
    link.symlink_to(outside / "x.png")
    store(tmp_path, station="cam2").add(image(100, Why.SAMPLE, days_ago=3, station="cam2"))
    before = store(tmp_path)
    for n in range(1, 5):
        before.add(image(n, days_ago=5 - n))
    again = store(tmp_path, images=3)
    again.add(image(5))
    assert kept(tmp_path) == [100, 3, 4, 5]
    assert all(path.exists() for path in strangers)
    assert len(list(outside.iterdir())) == 2
    assert link.is_symlink()
    assert not (tmp_path / "2026-11-23").exists(), "an empty day is no folder"
    assert (tmp_path / "2026-11-20").is_symlink()


def test_a_day_that_is_a_link_is_not_written_into(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "2026-11-27").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        store(tmp_path / "archive").add(image(1))
    assert not list(outside.iterdir())


def test_leftovers_of_a_killed_process_are_cleared_away_and_strangers_are_not(tmp_path: Path) -> None:
    day = tmp_path / "2026-11-27"
    day.mkdir()
    ours = day / (image(1).name.stem + ".png" + UNFINISHED)
    others = day / (image(1, station="cam2").name.stem + ".png" + UNFINISHED)
    stranger = day / f"thesis.png{UNFINISHED}"
    for path in (ours, others, stranger):
        path.write_text("x")
    store(tmp_path)
    assert [path.exists() for path in (ours, others, stranger)] == [False, True, True]


@pytest.mark.parametrize("lost", [".json", ".png", ".mask.png"])
def test_a_triple_that_has_lost_a_file_still_goes_in_its_turn(tmp_path: Path, lost: str) -> None:
    first = store(tmp_path)
    first.add(image(1, days_ago=1))
    first.add(image(2))
    next(tmp_path.glob(f"*/*_1_line1.cam1_reject{lost}")).unlink()
    again = store(tmp_path, images=2)
    again.add(image(3))
    assert not list(tmp_path.glob("*/*_1_*"))
    assert kept(tmp_path) == [2, 3]


def test_what_somebody_else_has_deleted_is_no_room_and_no_stop(tmp_path: Path) -> None:
    full = store(tmp_path, images=3)
    for n in range(1, 4):
        full.add(image(n, days_ago=n == 1))
    for path in tmp_path.glob("*/*"):
        path.unlink()
    for n in range(4, 9):
        full.add(image(n))
    assert kept(tmp_path) == [6, 7, 8]


def test_images_that_come_before_all_is_counted_are_kept_and_count_once(tmp_path: Path) -> None:
    before = store(tmp_path)
    before.add(image(1))
    early = store(tmp_path, images=2, scanned=False)
    scan = early.scan()
    early.add(image(2))
    list(scan)
    assert early._budget.total_bytes == 2 * TRIPLE
    early.add(image(3))
    assert kept(tmp_path) == [2, 3]


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, fails_at: int) -> None:
    files = image(1).files
    (tmp_path / "2026-11-27" / (files[fails_at][0] + UNFINISHED)).mkdir(parents=True)
    with pytest.raises(OSError, match="Is a directory"):
        store(tmp_path).add(image(1))
    assert not [path for path in tmp_path.glob("*/*") if path.is_file()]


# --- age -------------------------------------------------------------------------------------------------------------


def ageing(keep_days: int = 90) -> Ageing:
    return Ageing(keep_days, NOON, started_s=0)


def test_what_is_too_old_goes_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.archive.store.datetime", at(NOON))
    aged = store(tmp_path, keep_days=2)
    for n, why in enumerate((Why.REJECT, Why.SAMPLE, Why.SAMPLE), start=1):
        aged.add(image(n, why, days_ago=3))
    aged.add(image(4, Why.SAMPLE, days_ago=2))
    for _ in range(10):
        aged.expire()
    assert kept(tmp_path) == [4]


def at(now: datetime) -> type[datetime]:
    """A clock that stands."""

    class Standing(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return now

    return Standing


def test_a_clock_that_is_set_while_the_station_runs_makes_nothing_old() -> None:
    """Time is counted on from the start; it takes a year to become a year older."""
    clock = ageing(keep_days=90)
    assert not clock.is_due("2026-11-26", now_s=1e6)
    assert clock.is_due("2026-11-26", now_s=91 * 86400)


def test_a_clock_that_was_a_year_ahead_at_the_start_cannot_wipe_the_archive() -> None:
    days = [f"2025-11-{day:02}" for day in range(1, 28)]
    clock, now_s = ageing(), 0.0
    while days and now_s < 5.5 * A_DAY_GOES_EVERY_S:
        if clock.is_due(days[0], now_s):
            days.pop(0)
        now_s += 60
    assert len(days) == 27 - 6, "the oldest, and one an hour: time to notice"


def test_a_file_takes_whole_blocks() -> None:
    assert [on_disk(nbytes) for nbytes in (0, 1, BLOCK, BLOCK + 1)] == [0, BLOCK, BLOCK, 2 * BLOCK]


# --- before the station runs -----------------------------------------------------------------------------------------


def test_check_warns_of_a_budget_larger_than_the_disk(tmp_path: Path) -> None:
    config = load_config(ROOT / "config" / "line.toml")
    for max_gb, warnings in ((0.001, 0), (1e6, 1)):
        table = ArchiveConfig(folder=tmp_path / "not" / "there", max_gb=max_gb, min_free_gb=0)
        found = list(archive_warnings(config.model_copy(update={"archive": table})))
        assert len(found) == warnings
        assert all("is more than the disk of" in warning for warning in found)
    assert not list(archive_warnings(config.model_copy(update={"archive": None})))
