"""What an exported model file says about itself: one JSON document in the ONNX metadata.

`export` writes it, the agent reads it; nothing else travels beside the file (DESIGN §3.1).
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.errors import ConfigError

Precision = Literal["fp32", "fp16", "int8"]
"""What the network's weights and activations are; images and maps are uint8 in any case."""
FULL: Precision = "fp32"
"""As it was trained, and the same on every device."""
Provider = Literal["cpu", "cuda"]
"""Where a model runs: the one asked for, or not at all."""

METADATA_KEY = "linegate"
SCHEMA_VERSION = 1
BACKGROUND = "background"

# Tensor names of the graph.
INPUT = "image"
"""uint8 [batch, height, width, channels]"""
CLASS_MAP = "class_map"
"""uint8 [batch, height, width]: index of the best defect class, 1..n-1; background never hides a defect"""
SCORE_MAP = "score_map"
"""uint8 [batch, height, width]: round(255 × probability of that class), unthresholded"""
VALID = "valid"
"""uint8 [batch]: 1 when every logit was finite"""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(_Frozen):
    """The model's input: uint8, NHWC, static; larger images are letterboxed into it."""

    height_px: int = Field(gt=0)
    width_px: int = Field(gt=0)
    channels: int = Field(ge=1, le=3)
    batch: int = Field(default=1, ge=1)
    pad_value: int = Field(default=0, ge=0, le=255)


class GoldenSample(_Frozen):
    """A small image with the answer the trained model gave, to check this device against."""

    name: str
    png_base64: str
    areas_px: dict[str, int]
    """Pixels at or above the class's default threshold, per defect class."""
    tolerance_px: int = Field(ge=0)


class ModelContract(_Frozen):
    """All an agent needs to know to run a model file and to explain its results."""

    schema_version: int = SCHEMA_VERSION
    classes: tuple[str, ...] = Field(min_length=2)
    input: InputSpec
    thresholds: dict[str, float]
    precision: Precision
    metrics: dict[str, float]
    git_commit: str
    data_md5: str
    opset: int
    producers: dict[str, str]
    golden: tuple[GoldenSample, ...] = Field(min_length=1)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the whole file, as agent.model_digest has it; the last field, as it is looked for from the end."""

    @property
    def defect_classes(self) -> tuple[str, ...]:
        """Class names 1..n-1, in the order of their indices."""
        return self.classes[1:]

    @model_validator(mode="after")
    def _consistent(self) -> ModelContract:
        if self.classes[0] != BACKGROUND:
            raise ValueError(f"classes[0] must be {BACKGROUND!r}, found {self.classes[0]!r}")
        if set(self.thresholds) != set(self.defect_classes):
            raise ValueError(f"thresholds must name exactly the defect classes {', '.join(self.defect_classes)}")
        if any(set(sample.areas_px) != set(self.defect_classes) for sample in self.golden):
            raise ValueError(f"golden samples must name exactly the defect classes {', '.join(self.defect_classes)}")
        if not all(0 <= value <= 1 for value in self.thresholds.values()):
            raise ValueError("thresholds must lie in 0..1")
        return self


def parse_contract(metadata: dict[str, str], where: str) -> ModelContract:
    """Read the contract out of an ONNX file's metadata; ConfigError names the file and the remedy."""
    text = metadata.get(METADATA_KEY)
    if text is None:
        raise ConfigError(f"{where} carries no Linegate contract: export it with 'python -m export.to_onnx'")
    try:
        return ModelContract.model_validate(_this_schema(json.loads(text), where))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: its contract is not JSON ({error}): export the model again") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "contract"
        raise ConfigError(
            f"{where}: contract not understood at {field}: {first['msg']}: export the model again"
        ) from error


def _this_schema(document: Any, where: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ConfigError(f"{where}: its contract is no JSON object: export the model again")
    found = document.get("schema_version")
    if found != SCHEMA_VERSION:
        raise ConfigError(
            f"{where}: contract of schema {found}, this agent reads schema {SCHEMA_VERSION}: "
            "update the agent or export the model again"
        )
    return document
