"""A lasting file on a disk that is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.lasting_file import write_lasting
from tests.faults.small_disk import SmallDisk


def test_on_a_full_disk_the_last_one_stays_and_no_half_lies_beside_it(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk", 1) as disk:
        path = disk.path / "model.onnx"
        write_lasting(path, b"the last good one")
        with pytest.raises(OSError, match="No space left"):
            write_lasting(path, bytes(2**21))
        assert [each.read_bytes() for each in disk.path.iterdir()] == [b"the last good one"]
