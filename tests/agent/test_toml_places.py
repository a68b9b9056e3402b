"""Where each key of a TOML file stands: all of those that tomllib finds, each on the line that has it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.toml_places import Key, places
from tests.conftest import ROOT

NAMES = st.sampled_from(["a", "b-1", "_c", "17", "x.y", "# no", "[t]", 'q"q', "=", "ä", "", "end", "1.5"])
TEXTS = st.sampled_from(["", "]", "= 3", "# no", "a = 1", "[t]", '"', "\\", "'", "\n[x]\nb = 2\n", '""" x', "}", ","])
SCALARS = st.sampled_from(["1", "-1_000", "1.5e3", "true", "inf", "1979-05-27 07:32:00", "07:32:00", "0xff"])


def key_text(name: str) -> str:
    bare = name and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in name)
    return name if bare else json.dumps(name, ensure_ascii=False)


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    """One value as text, on one line or on several."""
    kind = draw(st.sampled_from(["scalar", "text", "array", "table"] if depth else ["scalar", "text"]))
    if kind == "scalar":
        return draw(SCALARS)
    if kind == "text":
        return quoted(draw(TEXTS), draw(st.sampled_from(['"', "'", '"""', "'''"])))
    if kind == "array":
        gap = draw(st.sampled_from([" ", "\n", " # ] no\n", "\n\n"]))
        return "[" + gap + ("," + gap).join(draw(st.lists(values(depth - 1), max_size=3))) + gap + "]"
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    return "{" + ", ".join(f"{key_text(name)} = {draw(values(depth - 1))}" for name in names) + "}"


def quoted(text: str, quote: str) -> str:
    if quote.startswith("'") and "'" not in text and (quote == "'''" or "\n" not in text):
        return quote + text + quote
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    return f'"""{escaped}"""' if quote == '"""' else f'"{escaped}"'


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Lines of keys under headers of tables and arrays of tables; some are no TOML."""
    lines = []
    for _ in range(draw(st.integers(0, 6))):
        dotted = ".".join(map(key_text, draw(st.lists(NAMES, min_size=1, max_size=3))))
        line = draw(st.sampled_from(["{k} = {v}", "  {k}={v} # = [", "[{k}]", "[[{k}]] # ]", "", "# {k} = 1"]))
        lines.append(line.replace("{k}", dotted).replace("{v}", draw(values()) if "{v}" in line else ""))
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


def keys(value: Any, before: Key = ()) -> Iterator[Key]:
    """Every key and table that tomllib has found."""
    found = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in found:
        yield (*before, name)
        yield from keys(inner, (*before, name))


@given(documents())
@settings(max_examples=200)
def test_all_keys_are_found_where_they_stand(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # it is not ours to judge
    found = places(text)
    assert set(found) == set(keys(document))
    lines = text.split("\n")
    for key, line in found.items():
        if isinstance(key[-1], str):
            assert key_text(key[-1]) in lines[line - 1], (key, line)


def test_lines_of_a_file_with_everything_in_it() -> None:
    text = 'a.b = """\n[x]\n"""\n[[t]]\nk = [1,\n  {z = 2}]\n[t.u]\nd = 07:00:00\n[[t]]\n"k" = \'#\'\n'
    assert places(text) == {
        ("a",): 1, ("a", "b"): 1, ("t",): 4, ("t", 0): 4, ("t", 0, "k"): 5, ("t", 0, "k", 0): 5, ("t", 0, "k", 1): 6,
        ("t", 0, "k", 1, "z"): 6, ("t", 0, "u"): 7, ("t", 0, "u", "d"): 8, ("t", 1): 9, ("t", 1, "k"): 10,
    }  # fmt: skip


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.toml")), ids=lambda path: path.name)
def test_shipped_files(path: Any) -> None:
    text = path.read_text()
    assert set(places(text)) == set(keys(tomllib.loads(text)))
