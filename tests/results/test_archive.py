"""Which images are kept, how they lie on disk, and that none is believed that is not whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.archive.archive import WAITING_IMAGES
from agent.archive.choice import why_kept
from agent.archive.kept_images import kept_images
from agent.archive.layout import UNFINISHED, Name, Why, stem_of
from agent.inspection import Verdict
from agent.journal.rows import without_images
from agent.plc.register_map import Alarm
from agent.results_config import ArchiveConfig
from tests.faults.small_disk import SmallDisk
from tests.results.pictured import CLASSES, complete, kept_at, message, photo, pictured, spots, unseen
from tests.results.records import closed, decision

# --- the choice ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"verdict": "reject", "reason": "defect"}, Why.REJECT),
        ({"verdict": "reject", "reason": "defect", "margin": 0.01}, Why.REJECT),
        ({"verdict": "reject", "reason": "challenge", "challenge": True}, Why.REJECT),
        ({"verdict": "reject", "reason": "defect", "bypass": True}, Why.REJECT),
        ({"verdict": "no_decision", "reason": "deadline", "margin": None}, Why.NO_DECISION),
        ({"margin": 0.02}, Why.UNCERTAIN),
        ({"margin": 0.021}, None),
        ({"margin": None}, None),
        ({"verdict": "reject", "reason": "reject_all"}, None),
        ({"verdict": "reject", "reason": "reject_all", "margin": 0.0}, Why.UNCERTAIN),
    ],
)
def test_one_reason_for_each_image(values: dict[str, object], why: Why | None) -> None:
    assert why_kept(message(**values), ArchiveConfig(pass_every=0)) is why


def test_one_in_so_many_that_passed_without_a_beat_and_the_same_after_a_restart() -> None:
    kept = [n for n in range(20_000) if why_kept(message(n), ArchiveConfig(pass_every=200))]
    assert 80 < len(kept) < 120
    nests = {n % 10 for n in kept}
    assert nests == set(range(10)), "a mould with ten nests: each is seen"
    assert kept == [n for n in range(20_000) if why_kept(message(n), ArchiveConfig(pass_every=200))]
    assert not [n for n in range(1000) if why_kept(message(n), ArchiveConfig(pass_every=0))]
    assert all(why_kept(message(n), ArchiveConfig(pass_every=1)) is Why.SAMPLE for n in range(100))


# --- on disk ---------------------------------------------------------------------------------------------------------


def test_photo_and_mask_are_lossless_and_the_sidecar_tells_all_there_is_to_know(tmp_path: Path) -> None:
    with kept_at(tmp_path, pass_every=0) as kept:
        kept.keep(
            pictured(1, found=(1, 3)),
            pictured(2, Verdict.PASS),
            pictured(3, Verdict.PASS, margin=0.02, image=photo(3, colour=True)),
            unseen(4),
            decision(5, Verdict.NO_DECISION),
        )
        assert kept.archive.upkeep() == {
            "archive_waiting": 0, "archive_kept": 3, "archive_dropped": 0, "archive_trouble": ""
        }  # fmt: skip
    first, third, fourth = kept_images(kept.folder)
    assert [image.sidecar.why for image in (first, third, fourth)] == [Why.REJECT, Why.UNCERTAIN, Why.NO_DECISION]
    assert [image.sidecar.uncertain for image in (first, third, fourth)] == [False, True, False]
    assert (cv2.imread(str(first.photo), cv2.IMREAD_UNCHANGED) == photo(1)).all()
    assert (cv2.imread(str(first.mask), cv2.IMREAD_UNCHANGED) == spots(1, 3)).all()
    assert (cv2.imread(str(third.photo), cv2.IMREAD_UNCHANGED) == photo(3, colour=True)).all()
    assert fourth.mask is None
    assert first.sidecar.classes == list(CLASSES)
    assert first.sidecar.photo.sha256 == hashlib.sha256(first.photo.read_bytes()).hexdigest()
    told = first.sidecar.message
    assert (told.message_id, told.verdict, told.line, told.model_sha256) == (1, "reject", "line1", "ab" * 32)
    assert {defect.name for defect in told.defects} == {"blowhole", "crack"}
    assert first.photo.parent.name == told.decided_utc[:10]
    assert first.photo.name.endswith("_1_line1.cam1_reject.png")


def test_images_are_found_by_time_reason_and_station(tmp_path: Path) -> None:
    with kept_at(tmp_path) as kept:
        kept.keep(*(pictured(seq) for seq in range(1, 6)), unseen(6))
    images = list(kept_images(kept.folder))
    assert [image.sidecar.message.message_id for image in images] == [1, 2, 3, 4, 5, 6]
    third = datetime.fromisoformat(images[2].sidecar.message.decided_utc)
    later = {image.sidecar.message.message_id for image in kept_images(kept.folder, third)}
    earlier = {image.sidecar.message.message_id for image in kept_images(kept.folder, None, third)}
    assert 3 in later
    assert later | earlier == {1, 2, 3, 4, 5, 6}
    assert not later & earlier
    assert len(list(kept_images(kept.folder, whys=[Why.NO_DECISION]))) == 1
    assert not list(kept_images(kept.folder, station=("line1", "cam2")))
    assert not list(kept_images(tmp_path / "nowhere"))


def test_a_picture_that_is_not_whole_is_not_believed(tmp_path: Path) -> None:
    with kept_at(tmp_path) as kept:
        kept.keep(*(pictured(seq) for seq in range(1, 6)))
    cut, alone, bare, linked, whole = kept_images(kept.folder)
    os.truncate(cut.photo, 10)
    sidecar_of(alone.photo).unlink()
    bare.photo.unlink()
    elsewhere = tmp_path / "elsewhere.png"
    linked.photo.rename(elsewhere)
    linked.photo.symlink_to(elsewhere)
    (whole.photo.parent / "notes.json").write_text("{}")
    damaged = whole.photo.with_name(whole.photo.name.replace("_5_", "_6_"))
    sidecar_of(damaged).write_text("{")
    assert [image.sidecar.message.message_id for image in kept_images(kept.folder)] == [5]


def sidecar_of(picture: Path) -> Path:
    return picture.with_name(picture.name.removesuffix(".png") + ".json")


def test_what_a_newer_version_adds_is_passed_over(tmp_path: Path) -> None:
    with kept_at(tmp_path) as kept:
        kept.keep(pictured(1))
    (image,) = kept_images(kept.folder)
    document = json.loads(sidecar_of(image.photo).read_text())
    sidecar_of(image.photo).write_text(json.dumps(document | {"schema": "linegate.image/1.9", "of_tomorrow": 1}))
    assert len(list(kept_images(kept.folder))) == 1
    sidecar_of(image.photo).write_text(json.dumps(document | {"schema": "linegate.image/2.0"}))
    assert not list(kept_images(kept.folder))


def test_names_are_taken_apart_as_they_were_put_together() -> None:
    moment = datetime(2026, 11, 27, 6, 15, 30, 7000, tzinfo=UTC)
    name = Name(moment, 12, "line_1", "cam-1_no_decision", Why.NO_DECISION)
    assert name.stem == "061530-007_12_line_1.cam-1_no_decision_no_decision"
    assert Name.parse(name.day, name.stem) == name
    assert stem_of(name.stem + ".mask.png" + UNFINISHED) == name.stem
    for strange in ("061530-007_12_line1_reject", "x", "061530-007_12_a.b_reject.bak", "966530-007_12_a.b_reject"):
        assert Name.parse("2026-11-27", strange) is None
    assert Name.parse("2026-02-31", name.stem) is None
    assert stem_of("IMG_0001.png") == ""


# --- trouble ---------------------------------------------------------------------------------------------------------


def test_what_cannot_be_kept_is_counted_and_told_once_and_nothing_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder's place is taken by a file: every write fails, until somebody mends it."""
    monkeypatch.setattr("agent.archive.outage.QUIET_S", 0.2)
    monkeypatch.setattr("agent.archive.archive.RETRY_S", 0.05)
    (tmp_path / "archive").write_text("in the way")
    with kept_at(tmp_path) as kept:
        complete(kept.journal, *(pictured(seq) for seq in range(1, WAITING_IMAGES + 11)))
        kept.until(lambda: kept.archive.upkeep()["archive_dropped"] == 10)
        assert kept.archive.upkeep()["archive_trouble"] == "file exists"
        assert kept.raised.take() is Alarm.EVIDENCE
        (tmp_path / "archive").unlink()
        kept.until(lambda: not kept.archive.upkeep()["archive_trouble"])
        kept.keep()
        assert kept.archive.upkeep()["archive_kept"] == WAITING_IMAGES, "what could wait is not lost"
    assert len(list(kept_images(kept.folder))) == WAITING_IMAGES
    assert [(event.kind, event.what) for event in kept.events] == [("archive", "EVIDENCE"), ("archive", "restored")]
    assert "10 were lost" in kept.events[1].detail
    assert sum("file exists" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_disk_that_fails_and_is_well_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A real one, of a few megabytes."""
    monkeypatch.setattr("agent.archive.outage.QUIET_S", 0.0)
    monkeypatch.setattr("agent.archive.archive.RETRY_S", 0.02)
    with SmallDisk(tmp_path / "archive", 2) as disk, kept_at(tmp_path, min_free_gb=0.001) as kept:
        hurt, heal = {"full": (disk.fill, disk.free), "read-only": (disk.make_read_only, disk.make_writable)}[fault]
        kept.keep(pictured(1))
        before = kept.names()
        hurt()
        complete(kept.journal, pictured(2))
        kept.until(lambda: kept.raised.take() is Alarm.EVIDENCE)
        assert kept.names() == before, "what is there is not thrown after somebody else's bytes"
        heal()
        kept.keep()
        assert kept.archive.upkeep()["archive_dropped"] == 0
    assert {event.detail for event in kept.events if event.what == "EVIDENCE"} <= {
        "no room within archive.max_gb and archive.min_free_gb", "no space left on device", "read-only file system"
    }  # fmt: skip


def test_a_folder_deleted_while_running_is_made_again(tmp_path: Path) -> None:
    with kept_at(tmp_path) as kept:
        kept.keep(pictured(1))
        shutil.rmtree(kept.folder)
        kept.keep(pictured(2))
        assert not kept.events
    assert len(list(kept_images(kept.folder))) == 1


def test_large_images_wait_within_a_bound_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.archive.archive.WAITING_BYTES", 1_000_000)
    (tmp_path / "archive").write_text("in the way")
    with kept_at(tmp_path) as kept:
        large = np.zeros((500, 500), np.uint8)
        complete(kept.journal, *(pictured(seq, image=large) for seq in range(1, 6)))
        assert kept.archive.upkeep()["archive_waiting"] == 1
        assert kept.archive.upkeep()["archive_dropped"] == 4


def test_an_image_that_the_journal_had_to_let_go_counts_as_lost(tmp_path: Path) -> None:
    with kept_at(tmp_path) as kept:
        complete(kept.journal)
        kept.archive.take(message(1, verdict="reject", reason="defect"), without_images(closed(pictured(1))))
        assert kept.archive.upkeep()["archive_dropped"] == 1
        assert kept.raised.take() is Alarm.EVIDENCE
        assert "journal" in kept.events[0].detail


def test_a_photo_that_is_none_stops_nothing(tmp_path: Path) -> None:
    with kept_at(tmp_path) as kept:
        kept.keep(pictured(1, image=np.zeros((0, 7), np.uint8)), pictured(2))
        assert kept.archive.upkeep()["archive_kept"] == 1
        assert kept.archive.upkeep()["archive_dropped"] == 1
