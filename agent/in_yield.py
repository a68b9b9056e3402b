"""Which parts say something of the product; the others are counted apart."""

from __future__ import annotations

from typing import Literal

Standing = Literal["counts", "gap", "challenge", "bypass"]

COUNTS = "completed AND kind = 'inspection' AND NOT bypass AND NOT challenge"
"""The journal's completed rows whose standing is "counts"."""


def standing(kind: str, challenge: bool, bypass: bool) -> Standing:
    """Does a row count in the yield? If not, why not; a part known to be bad is that under BYPASS, too."""
    if kind == "gap":
        return "gap"
    return "challenge" if challenge else "bypass" if bypass else "counts"
