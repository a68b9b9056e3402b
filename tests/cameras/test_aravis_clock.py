"""When a frame was exposed, against the simulated GigE camera's own record of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cameras.fake_gige import asked, now
from tests.cameras.gige_process import GigeProcess

pytestmark = pytest.mark.gige

LATE_NS = 5_000_000
"""The tolerance_ms that stations have by default; on an idle computer it is 0.1 ms, the round trip."""


def test_a_frame_is_dated_when_it_was_exposed_and_not_at_all_when_the_clock_was_set(tmp_path: Path) -> None:
    """The camera's clock begins with the camera, and lets itself be latched."""
    with GigeProcess(tmp_path) as camera:
        opened = asked(device=camera.address, width_px=64, height_px=64)
        frames = [opened.grab(now(seq)) for seq in range(1, 11)]
        camera.type("clock 700")
        first = opened.grab(now(11))
        time.sleep(1.0)  # for the latch
        after = [opened.grab(now(seq)) for seq in range(12, 16)]
        opened.close()
    record = map(json.loads, (tmp_path / "frames.jsonl").read_text().splitlines())
    truth = {line["frame_id"]: line["captured_ns"] for line in record}
    for frame in [*frames, *after]:
        assert frame.complete
        assert 0 <= frame.captured_ns - truth[frame.frame_id] < LATE_NS
    assert not first.complete or first.captured_ns - truth[first.frame_id] < LATE_NS, "unless a latch came before it"
