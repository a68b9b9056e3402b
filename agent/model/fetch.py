"""The bytes of a model file that somebody wants to install: from a path, or out of a DVC repository."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from agent.errors import UsageError, in_words
from agent.extras import how_to_install


def read_model(file: Path) -> bytes:
    """Raises UsageError when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"model {file}: {in_words(error)}: give the path of an exported .onnx file") from error


def fetch_model(repository: str, file: Path, revision: str | None) -> bytes:
    """As `dvc get` has it: a folder or URL, a path in it, and a commit, tag or branch. Raises UsageError."""
    if find_spec("dvc") is None:
        raise UsageError(f"--dvc: dvc is not installed: copy the file here and name it, or {how_to_install('dvc')}")
    with tempfile.TemporaryDirectory(prefix="linegate-") as folder:
        out = Path(folder) / "model.onnx"
        command = [sys.executable, "-m", "dvc", "get", repository, str(file), "--out", str(out)]
        done = subprocess.run(
            [*command, *(["--rev", revision] if revision else [])], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = [line.removeprefix("ERROR: ") for line in done.stderr.strip().splitlines() if "ERROR" in line]
            why = said[-1] if said else f"dvc get ended with {done.returncode}"
            raise UsageError(f"--dvc {repository}: {why}")
        return read_model(out)
