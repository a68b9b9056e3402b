"""params.yaml as types: read once, bounds checked, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agent.errors import ConfigError
from agent.model_contract import InputSpec
from agent.model_contract import Precision as ModelPrecision

PARAMS = Path("params.yaml")
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataParams(_Strict):
    url: str = Field(min_length=1)
    sha256: dict[str, str] = {}
    timeout_s: float = Field(gt=0)
    max_unpacked_mb: float = Field(gt=0)


class SplitParams(_Strict):
    similarity: float = Field(gt=0, lt=1)
    size_slack_px: int = Field(ge=0)
    validation_share: float = Field(gt=0, lt=0.5)
    test_share: float = Field(gt=0, lt=0.5)
    folds: int = Field(ge=3)
    leaky_test_share: float = Field(gt=0, lt=0.5)
    seed: int


class ModelParams(_Strict):
    """`architecture`, `encoder` and `options` as segmentation-models-pytorch's create_model takes them.

    `logits_stride` is how many of the input's pixels, along a side, share one logit of the network.
    """

    architecture: str
    encoder: str
    encoder_weights: str | None
    options: dict[str, Any] = {}
    logits_stride: Literal[1, 2] = 1


class Preset(_Strict):
    """A network and the size of what it sees: one point on the trade of cost against quality."""

    input: InputSpec
    model: ModelParams

    @model_validator(mode="after")
    def _grey(self) -> Self:
        if self.input.channels != 1:
            raise ValueError(f"input.channels {self.input.channels}: photos are read as grey, so it must be 1")
        return self


class TrainParams(_Strict):
    seed: int
    max_steps: int = Field(ge=3)
    """The learning rate rises and falls: that takes three."""
    batch_size: int = Field(gt=0)
    workers: int = Field(ge=0)
    devices: int = Field(gt=0)
    num_nodes: int = Field(gt=0)
    strategy: str
    precision: Precision
    lr: float = Field(gt=0)
    encoder_lr_share: float = Field(gt=0, le=1)
    weight_decay: float = Field(ge=0)
    warmup_share: float = Field(ge=0, lt=1)
    gradient_clip: float = Field(gt=0)
    ema_decay: float = Field(ge=0, lt=1)
    validate_every_steps: int = Field(gt=0)
    patience: int = Field(gt=0)
    save_every_steps: int = Field(gt=0)
    highest_weight: float = Field(ge=1)


class FoldParams(_Strict):
    """Cross-validation trains as `train` says, but for fewer steps."""

    max_steps: int = Field(ge=3)


class SamplingParams(_Strict):
    good_share: float = Field(ge=0, le=1)
    procedural_share: float = Field(ge=0, le=1)
    paste_share: float = Field(ge=0, le=1)


class AugmentParams(_Strict):
    rotation_deg: float = Field(ge=0, le=180)
    scale: float = Field(ge=0, lt=1)
    shift_px: int = Field(ge=0)
    gain: float = Field(ge=0)
    gamma: float = Field(ge=0, lt=1)
    noise: float = Field(ge=0)
    blur_px: float = Field(ge=0)


class EvaluateParams(_Strict):
    recipe: Path
    mm_per_px: float = Field(gt=0)
    overkill: float = Field(ge=0, lt=1)
    procedural_tiles: int = Field(ge=0)
    seed: int


class ExportParams(_Strict):
    opset: int = Field(ge=18)
    golden_samples: int = Field(ge=2)
    golden_tolerance_px: int = Field(ge=0)


class OptimiseParams(_Strict):
    """`first_float`: so many convolutions from the input on stay in float when the rest becomes INT8, and the head."""

    precisions: tuple[Literal["fp16", "int8"], ...]
    calibration_photos: int = Field(gt=0)
    first_float: int = Field(ge=0)


class Limits(_Strict):
    """How far one file may be from the trained network; none may pass a defect that the network rejects.

    `flips`: share of photos with another verdict. `disagreement`: of one photo, share of pixels with another class or
    score. `dice_loss`: mean over the photos with a defect.
    """

    flips: float = Field(ge=0, lt=1)
    disagreement: float = Field(ge=0, lt=1)
    dice_loss: float = Field(ge=0, lt=1)


class VerifyParams(_Strict):
    images: int = Field(gt=0)
    score_step: int = Field(ge=0, le=255)
    limits: dict[ModelPrecision, Limits]


class Params(_Strict):
    """All of params.yaml."""

    classes: tuple[str, ...] = Field(min_length=1)
    data: DataParams
    split: SplitParams
    preset: str
    presets: dict[str, Preset]
    train: TrainParams
    folds: FoldParams
    sampling: SamplingParams
    augment: AugmentParams
    evaluate: EvaluateParams
    export: ExportParams
    optimise: OptimiseParams
    verify: VerifyParams

    @model_validator(mode="after")
    def _known_preset(self) -> Self:
        if self.preset not in self.presets:
            raise ValueError(f"preset {self.preset!r} is none of {', '.join(self.presets)}")
        return self

    @property
    def input(self) -> InputSpec:
        return self.presets[self.preset].input

    @property
    def model(self) -> ModelParams:
        return self.presets[self.preset].model


def load_params(path: Path = PARAMS) -> Params:
    """Read and check params.yaml; ConfigError names the first wrong key."""
    try:
        return Params.model_validate(YAML(typ="safe").load(path.read_text()))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: run from the repository's root") from error
    except YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the document"
        raise ConfigError(f"{path}, {key}: {first['msg']}: mend it there or drop the -S that set it") from error
