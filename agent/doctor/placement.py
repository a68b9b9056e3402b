"""Which nodes of a model run where, as ONNX Runtime itself notes it while it runs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from agent.doctor.looking import NotKnown
from agent.finding import Finding, right, wrong
from agent.model_contract import Provider
from agent.onnx_session import PROVIDERS

SHOWN = 5


def node_placement(path: Path, provider: Provider) -> dict[str, list[str]]:
    """Names of the nodes by execution provider, of one run on an empty image. Raises NotKnown."""
    with tempfile.TemporaryDirectory(prefix="linegate-") as folder:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        try:
            session = ort.InferenceSession(str(path), options, providers=[PROVIDERS[provider]])
            entry = session.get_inputs()[0]
            session.run(None, {entry.name: np.zeros(entry.shape, np.uint8)})
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        except Exception as error:  # ONNX Runtime's own, of a dozen unrelated types
            raise NotKnown(f"the model cannot be profiled: {str(error).strip().splitlines()[0][:120]}") from error
    return placed(events)


def placed(events: list[dict[str, object]]) -> dict[str, list[str]]:
    """The profile's kernel events → node names by provider, each once."""
    found: dict[str, list[str]] = {}
    for event in events:
        arguments, name = event.get("args"), str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith("_kernel_time") and isinstance(arguments, dict):
            nodes = found.setdefault(str(arguments.get("provider", "")), [])
            if name not in nodes:
                nodes.append(name)
    return found


def judge_placement(provider: Provider, found: Mapping[str, list[str]]) -> Finding:
    """Does every node run on the provider that was asked for?"""
    told = ", ".join(f"{len(nodes)} on {name}" for name, nodes in sorted(found.items())) or "none"
    strangers = [node for name, nodes in found.items() if name != PROVIDERS[provider] for node in nodes]
    if not found or strangers:
        named = ", ".join(node.removesuffix("_kernel_time") for node in strangers[:SHOWN])
        return wrong("nodes", f"{told}: {named}", "a frame crosses to the processor and back for each: "
                     f"export the model for {provider}, or install the onnxruntime it was verified with")  # fmt: skip
    return right("nodes", told)
