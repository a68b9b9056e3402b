"""A file with its digest is that file, and no other."""

from __future__ import annotations

import pytest

from agent.errors import ConfigError
from agent.model_digest import UNSTAMPED, require_unchanged, stamped

UNSTAMPED_FILE = b'weights {"classes":[],"digest":"' + UNSTAMPED.encode() + b'"} more'


def test_a_stamp_changes_its_place_alone_and_can_be_renewed() -> None:
    file = stamped(UNSTAMPED_FILE)
    require_unchanged(file, "model m")
    assert len(file) == len(UNSTAMPED_FILE)
    assert (file[:32], file[-6:]) == (UNSTAMPED_FILE[:32], UNSTAMPED_FILE[-6:])
    assert stamped(file) == file
    other = stamped(file.replace(b"weights", b"Weights"))
    require_unchanged(other, "model m")
    assert other[32:-6] != file[32:-6]


@pytest.mark.parametrize("content", [b"", b"no place", UNSTAMPED_FILE * 2])
def test_a_file_without_the_one_place_is_not_stamped(content: bytes) -> None:
    with pytest.raises(ConfigError, match="one place for its digest"):
        stamped(content)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "model m: no exported model"),
        (b"digest", "no exported model"),
        (UNSTAMPED_FILE, "has been changed since it was exported"),
        (stamped(UNSTAMPED_FILE)[:60], "has been changed"),
        (stamped(UNSTAMPED_FILE) + b"\0", "has been changed"),
        (UNSTAMPED_FILE + stamped(UNSTAMPED_FILE), "has been changed"),
    ],
)
def test_what_is_not_the_exported_file_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        require_unchanged(content, "model m")
