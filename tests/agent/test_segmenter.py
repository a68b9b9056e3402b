"""The segmenter believes no model file and no device unchecked."""

from __future__ import annotations

import hashlib
import os
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from agent.errors import ConfigError, Fault, NoDecision
from agent.inspection import Reason
from agent.model_contract import InputSpec
from agent.segmenter import Segmenter
from tests.model.odd_models import write_heavy
from tests.tiny_model import SIDE_PX, tiny_contract, write_stamped, write_tiny_model


def test_a_good_file_passes_its_self_test_and_sees_dark_pixels(tiny_model: Path) -> None:
    segmenter = Segmenter(tiny_model)
    segmenter.self_test()
    image = np.full((SIDE_PX, SIDE_PX), 255, np.uint8)
    image[5, 9] = 55
    found = segmenter.segment(image)
    assert found.score_map[5, 9] == 200
    assert (found.score_map > 0).sum() == 1


def test_two_runs_do_not_share_their_maps(tiny_model: Path) -> None:
    """The bound buffers are reused; what was handed out must not change under the judge's hands."""
    segmenter = Segmenter(tiny_model)
    first = segmenter.segment(np.zeros((SIDE_PX, SIDE_PX), np.uint8))
    segmenter.segment(np.full((SIDE_PX, SIDE_PX), 255, np.uint8))
    assert (first.score_map == 255).all()


def test_a_device_that_computes_differently_is_refused(tmp_path: Path) -> None:
    segmenter = Segmenter(write_tiny_model(tmp_path / "m.onnx", expected_px=140))
    with pytest.raises(ConfigError, match=r"blowhole covers 100 px, the trained model gave 140 ± 2"):
        segmenter.self_test()


def test_an_output_that_is_not_valid_is_no_decision(tmp_path: Path) -> None:
    segmenter = Segmenter(write_tiny_model(tmp_path / "m.onnx", valid=0))
    with pytest.raises(NoDecision) as caught:
        segmenter.segment(np.zeros((SIDE_PX, SIDE_PX), np.uint8))
    assert caught.value.reason is Reason.OUTPUT_INVALID


def without_digest(path: Path) -> None:
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)


def without_contract(path: Path) -> None:
    model = onnx.load(path)
    model.metadata_props[0].key = "another"
    write_stamped(model, path)


def other_shape(path: Path) -> None:
    spec = InputSpec(height_px=32, width_px=64, channels=1)
    write_tiny_model(path, contract=tiny_contract().model_copy(update={"input": spec}).model_dump_json())


def newer_schema(path: Path) -> None:
    contract = tiny_contract().model_dump_json().replace('"schema_version":1', '"schema_version":2,"something_new":1')
    write_tiny_model(path, contract=contract)


def newer_onnx(path: Path) -> None:
    model = onnx.load(path)
    model.ir_version = 999
    write_stamped(model, path)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-400])


def another_weight(path: Path) -> None:
    """It would still run, and pass its golden sample."""
    write_tiny_model(path, dark_below=55)
    model = onnx.load(path)
    (limit,) = [one for one in model.graph.initializer if one.name == "limit"]
    limit.raw_data = np.float32(56).tobytes()
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (without_digest, "no exported model, or not all of it"),
        (without_contract, "carries no Linegate contract"),
        (other_shape, "are not the contract's"),
        (newer_schema, "schema 2"),
        (newer_onnx, "not a usable ONNX file"),
        (truncated, "no exported model, or not all of it"),
        (another_weight, "the file has been changed since it was exported: copy it again or export it again"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_in_one_line(tmp_path: Path, damage: object, complaint: str) -> None:
    path = write_tiny_model(tmp_path / "m.onnx")
    damage(path)  # type: ignore[operator]
    with pytest.raises(ConfigError, match=complaint) as caught:
        Segmenter(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_provider_that_is_not_active_is_refused_silently_but_for_our_line(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="provider 'cuda'"):
        Segmenter(tiny_model, provider="cuda")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "said", ["CUDA failure 100: no CUDA-capable device is detected", "CUDA failure 2: out of memory"]
)
def test_a_gpu_that_is_lost_at_a_start_is_a_fault_and_a_bad_file_is_not(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """Exit 1, and started again until it is back; of a bad file the GPU says no more than that it fails, too."""
    on_cpu = ort.InferenceSession

    def without_gpu(model: bytes, *options: Any, providers: list[str], **more: Any) -> ort.InferenceSession:
        if providers != ["CPUExecutionProvider"]:
            raise RuntimeError(f"{said} ; GPU=0\nexpr=cudaSetDevice(0)")
        return on_cpu(model, *options, providers=providers, **more)

    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "InferenceSession", without_gpu)
    with pytest.raises(Fault, match=rf"provider 'cuda' refuses the model \({said}.*nvidia-smi$"):
        Segmenter(tiny_model, provider="cuda")
    bad = write_tiny_model(tmp_path / "m.onnx")
    newer_onnx(bad)
    with pytest.raises(ConfigError, match="not a usable ONNX file"):
        Segmenter(bad, provider="cuda")


def test_the_bytes_that_are_looked_at_are_those_that_run(tiny_model: Path, tmp_path: Path) -> None:
    """A file that is copied meanwhile is another one when it is read again; of a pipe there is one reading."""
    os.mkfifo(once := tmp_path / "once.onnx")
    writer = threading.Thread(target=lambda: once.write_bytes(tiny_model.read_bytes()), daemon=True)
    writer.start()
    segmenter = Segmenter(once)
    segmenter.self_test()
    assert segmenter.sha256 == hashlib.sha256(tiny_model.read_bytes()).hexdigest()


def test_the_bytes_of_the_file_are_let_go(tmp_path: Path) -> None:
    path = write_heavy(tmp_path / "heavy.onnx", passing=True, megabytes=20)
    tracemalloc.start()
    try:
        segmenter = Segmenter(path)
        assert tracemalloc.get_traced_memory()[0] < 5 * 2**20
        assert tracemalloc.get_traced_memory()[1] > 20 * 2**20, "they were there"
    finally:
        tracemalloc.stop()
    segmenter.self_test()


def test_a_model_whose_weights_lie_in_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has looked at that one: it is not taken from beside the model, nor from the working directory."""
    model = onnx.load(write_tiny_model(tmp_path / "m.onnx"))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=99)
    write_stamped(onnx.load(tmp_path / "m.onnx", load_external_data=False), tmp_path / "m.onnx")
    assert (tmp_path / "weights.bin").stat().st_size
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="External data") as caught:
        Segmenter(tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)
