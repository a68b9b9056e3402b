"""What every test of records and results needs."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _stay_as_nice_as_you_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands give way to a station for good; a test that calls one in its own process is to go on as before."""
    monkeypatch.setattr(os, "nice", lambda _: 0)
