"""ONNX Runtime's session for a model file: bit for bit the exported one, on exactly the provider asked for."""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime as ort

from agent.errors import ConfigError, Fault, first_line
from agent.model_contract import Provider
from agent.model_digest import require_unchanged

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def unchanged(path: Path) -> bytes:
    """The file, as it was exported: read once, so that what is looked at is what is run."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"model {path}: {error.strerror}: check [model] path") from error
    require_unchanged(content, f"model {path}")
    return content


def open_session(content: bytes, path: Path, provider: Provider, threads: int) -> ort.InferenceSession:
    """A session on exactly the provider asked for: ONNX Runtime would fall back silently, we refuse.

    Where the provider's library is missing another one is active. Where the GPU is lost, or its memory taken, ONNX
    Runtime raises what it raises for a bad file as well: which of the two it is the CPU tells.
    """
    wanted = PROVIDERS[provider]
    ort.set_default_logger_severity(4)  # it would print its fallback story; our one line says what matters
    if wanted not in ort.get_available_providers():
        raise ConfigError(
            f"provider '{provider}' is not in this onnxruntime ({', '.join(ort.get_available_providers())}): "
            "install the 'cuda' extra or ask for provider = \"cpu\""
        )
    try:
        session = _session(content, wanted, threads)
    except Exception as error:  # ORT raises a dozen unrelated types for a bad file
        if provider != "cpu" and _runs_on_cpu(content, threads):
            raise Fault(f"provider '{provider}' refuses the model ({first_line(error)}): see nvidia-smi") from error
        raise ConfigError(f"model {path}: not a usable ONNX file ({first_line(error)}): export it again") from error
    active = session.get_providers()
    if active[0] != wanted:
        raise ConfigError(
            f"provider '{provider}' was asked for but {active[0]} is active: mend the driver or CUDA "
            'libraries, or ask for provider = "cpu"'
        )
    return session


def _session(content: bytes, provider: str, threads: int) -> ort.InferenceSession:
    session = ort.InferenceSession(content, _options(threads), providers=[provider], enable_fallback=0)
    session._model_bytes = None  # kept for a fallback that is none of ours
    return session


def _runs_on_cpu(content: bytes, threads: int) -> bool:
    try:
        _session(content, PROVIDERS["cpu"], threads)
    except Exception:  # the same dozen
        return False
    return True


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    # a spinning pool starves the PLC link's thread between two parts
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # the file that was looked at is the whole model: no weights from beside it, or from the working directory
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    return options
