"""Where a model comes from: the commit of its code, the md5 of its data, the versions of its makers."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agent.errors import ConfigError

MODEL_CODE = ("trainer", "export", "agent/preprocess.py", "params.yaml", "dvc.yaml")
PRODUCERS = ("torch", "segmentation-models-pytorch", "timm", "lightning", "onnx", "onnxscript")
LOCK = Path("dvc.lock")


def git_commit() -> str:
    """The last commit that touched what makes the model; a documentation commit makes no new model."""
    command = ["git", "log", "-1", "--format=%H", "--", *MODEL_CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "uncommitted"


def data_md5(raw: str, lock: Path = LOCK) -> str:
    """The md5 under which DVC knows the data set."""
    try:
        outs = YAML(typ="safe").load(lock.read_text())["stages"]["data_load"]["outs"]
        return next(str(out["md5"]) for out in outs if out["path"] == raw)
    except (OSError, KeyError, TypeError, StopIteration, YAMLError) as error:
        raise ConfigError(f"{lock} does not know {raw}: run 'dvc repro data_load'") from error


def producers() -> dict[str, str]:
    return {package: version(package) for package in PRODUCERS}
