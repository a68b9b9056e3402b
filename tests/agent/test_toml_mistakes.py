"""A mistake in a file leads to itself: text that is no TOML by a hint, a key by where it belongs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config import load_config
from agent.errors import ConfigError
from tests.conftest import ROOT

DEMO = (ROOT / "config" / "demo.toml").read_text()


def complaint(tmp_path: Path, text: str) -> str:
    path = tmp_path / "station.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value).removeprefix(f"config {path}:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a = 1\nb = "cpu # or "cuda"\n', r"2: .*after a statement \(column \d+\): is a quote not closed\?"),
        ('a = 1\nb = "cpu\nc = 2\n', r"2: .* \(column 9\): is a quote not closed\?"),
        ("a = 1\nb = 'cpu\nc = 'x'\n", r"2: .* \(column 9\): is a quote not closed\?"),
        ("a = 1\nb = 'cpu\nc = 2\n", r"2: .*at end of document\): is a quote not closed\?"),
        ('a = 1\nb = """cpu\nc = 2\n', r"2: .*at end of document\): is a quote not closed\?"),
        ("a = 200 ms # don't\n", r"1: .*after a statement \(column 9\)"),
        ('a = "C:\\Users\\x"\n', r"1: .*: a text with \\ in it goes between 'single quotes'"),
        ('a = "C:\\pictures"\n', r"1: .*: a text with \\ in it goes between 'single quotes'"),
        ("[plc]\na = 1\n[b]\n[plc]\n", r"4: Cannot declare .*: 'plc' is there on line 1 already"),
        ("z = 0\n[b.c]\na = 1\nd = 2\na = 3\n", r"5: Cannot overwrite .*: 'b\.c\.a' is there on line 3 already"),
        ("z = 0\nz = 1\n", r"2: Cannot overwrite .*: 'z' is there on line 1 already"),
        ('z = 0\nz = """\n[t\na = 1"""\n', r"4: Cannot overwrite a value \(column \d+\)"),
        ("[plc\n", r"1: .* \(column 5\)"),
    ],
)
def test_text_that_is_no_toml(tmp_path: Path, text: str, said: str) -> None:
    found = complaint(tmp_path, text)
    assert re.fullmatch(said.replace(": ", ": not valid TOML: ", 1), found), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('line = "line1"', 'line = "line 1/x"', "'station.line': should be letters, digits, - and _ alone (found "),
        ("threads = 2", "other_recipes = []", "'model.other_recipes': it belongs above the first [table] of the file"),
        ("min_pitch_ms = 50", "min_pitch = 50", "unknown key 'trigger.min_pitch' (did you mean 'min_pitch_ms'?)"),
        ('host = "127.0.0.1"', 'hots = "127.0.0.1"', "unknown key 'plc.hots' (did you mean 'host'?)"),
    ],
)
def test_one_mistake_is_told_once_and_leads_to_its_remedy(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in DEMO
    found = complaint(tmp_path, DEMO.replace(old, new, 1))
    assert said in found
    assert "missing" not in found
    assert "; line " not in found


def test_a_key_that_went_into_a_table_is_told_once(tmp_path: Path) -> None:
    (recipe,) = re.findall(r"^recipe = .*\n", DEMO, re.MULTILINE)
    found = complaint(tmp_path, DEMO.replace(recipe, "").replace("[model]\n", f"[model]\n{recipe}"))
    assert re.fullmatch(r"\d+: unknown key 'model\.recipe': it belongs above the first \[table\] of the file", found)


def test_a_table_that_is_missing_is_told_beside_keys_that_lost_it(tmp_path: Path) -> None:
    assert "missing key 'station'" in complaint(tmp_path, DEMO.replace("[station]\n", ""))
