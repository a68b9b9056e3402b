"""The ONNX files of the pipeline: where they lie, and how one is written that explains itself (DESIGN §3.1)."""

from __future__ import annotations

from pathlib import Path

import onnx

from agent.model_contract import FULL, METADATA_KEY, ModelContract, Precision
from agent.model_digest import stamped
from trainer.writing import writing

EXPORTED, OPTIMISED = Path("exported/model.onnx"), Path("exported/optimised")
SHIPPED, SHIPPED_OPTIMISED = Path("models/magnetic_tile.onnx"), Path("models/optimised")


def made(precision: Precision) -> Path:
    """The file as export or optimise writes it."""
    return EXPORTED if precision == FULL else OPTIMISED / f"{precision}.onnx"


def shipped(precision: Precision) -> Path:
    """The file as verify lets it through."""
    return SHIPPED if precision == FULL else SHIPPED_OPTIMISED / f"{SHIPPED.stem}_{precision}.onnx"


def write_model_file(graph: onnx.ModelProto, described: ModelContract, path: Path) -> None:
    """`described` becomes the file's only metadata; ConfigError when the file cannot be written."""
    del graph.metadata_props[:]
    graph.metadata_props.add(key=METADATA_KEY, value=described.model_dump_json())
    onnx.checker.check_model(graph)
    with writing(path, "exporting the model"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stamped(graph.SerializeToString()))
