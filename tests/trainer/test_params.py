"""params.yaml: a typo is one clear line, not a silent default."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConfigError
from trainer.params import load_params

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def test_the_shipped_file_loads() -> None:
    assert load_params(SHIPPED).classes[0] == "blowhole"


@pytest.mark.parametrize(
    ("was", "is_now", "reason"),
    [
        ("  lr:", "  learning_rate:", r"train\.(lr|learning_rate): "),
        ("  lr:", "  lr: fast #", r"train\.lr: .*number"),
        ("  lr:", "  lr: -1 #", r"train\.lr: .*greater than 0"),
        ("train:", "train: [", "is not YAML"),
        ("channels: 1", "channels: 3", r"presets\.cpu: .*channels 3: photos are read as grey"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, was: str, is_now: str, reason: str) -> None:
    changed = tmp_path / "params.yaml"
    changed.write_text(SHIPPED.read_text().replace(was, is_now, 1))
    with pytest.raises(ConfigError, match=reason) as error:
        load_params(changed)
    assert "\n" not in str(error.value)


def test_a_missing_file_says_where_to_run() -> None:
    with pytest.raises(ConfigError, match="run from the repository's root"):
        load_params(Path("nowhere/params.yaml"))
