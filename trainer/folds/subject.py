"""What a cross-validation is about: results of other photos, classes or networks say nothing about a model."""

from __future__ import annotations

import hashlib
from typing import Any

from trainer.params import Params
from trainer.split_table import SPLIT


def subject(params: Params) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "classes": list(params.classes),
        "input": params.input.model_dump(mode="json"),
        "network": params.model.model_dump(mode="json"),
        "split_sha256": hashlib.sha256(SPLIT.read_bytes()).hexdigest(),
    }
