"""Freeze what shapes the model and is no file of the repository: packages, and the weights that an encoder starts from.

So that a new torch is a new model and a new linter is not.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from agent.errors import ConfigError, exit_on_error
from trainer.params import load_params
from trainer.weights_file import told_weights

PACKAGES, WEIGHTS = Path("data/packages.txt"), Path("data/encoder_weights.txt")
SHAPING = (
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "timm",
    "lightning",
    "torchmetrics",
    "numpy",
    "opencv-python",
    "onnx",
    "onnxscript",
    "onnxruntime-gpu",
)


def installed_version(package: str) -> str:
    """The version, or ConfigError with the command that installs it."""
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise ConfigError(f"package {package} is missing: pip install 'linegate[trainer]'") from error


def frozen() -> str:
    """One `name==version` a line; Python to its minor version only."""
    python = ".".join(platform.python_version_tuple()[:2])
    return "\n".join([f"python=={python}", *(f"{name}=={installed_version(name)}" for name in SHAPING)]) + "\n"


def main() -> None:
    PACKAGES.parent.mkdir(exist_ok=True)
    PACKAGES.write_text(frozen())
    WEIGHTS.write_text(told_weights(load_params().model.encoder_weights))


if __name__ == "__main__":
    with exit_on_error():
        main()
