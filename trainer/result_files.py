"""The files that tell a result: scores in JSON, parts and curve as tables, the curve as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2

from agent.inspection import Image
from trainer.curve_chart import Curve, curve_chart, write_curve
from trainer.parts_table import Part, write_parts
from trainer.writing import writing

PARTS, WORST = "parts.csv", "worst_cases.png"


def write_result(
    folder: Path, metrics: Mapping[str, Any], summary: Mapping[str, Any], parts: Sequence[Part], curve: Curve
) -> None:
    """Into `folder`, made when it is not there; `metrics` is what DVC compares, `summary` all that was found.

    ConfigError when the disk does not take it.
    """
    with writing(folder, "writing the results"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("metrics.json", metrics), ("summary.json", summary)):
            (folder / name).write_text(json.dumps(content, indent=2) + "\n")
        write_parts(parts, folder / PARTS)
        write_curve(curve, folder / "curve.csv")
        (folder / "curve.svg").write_text(curve_chart(curve))


def write_picture(image: Image, path: Path) -> None:
    """PNG. ConfigError when it cannot be written."""
    with writing(path, "writing the results"):
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
