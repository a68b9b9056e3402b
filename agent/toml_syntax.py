"""What tomllib says of text that is no TOML: where, in words, and the mistake that mostly is behind it."""

from __future__ import annotations

import re
import tomllib
from ast import literal_eval

from agent.toml_places import Key, places

_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_NOT_CLOSED = re.compile("Illegal character '\\\\n'|Found invalid character '\\\\n'|Unterminated string|Expected \"'")
_HEADER = re.compile(r"^[ \t]*\[+[ \t]*([\w.-]+)[ \t]*\]", re.MULTILINE)
_NAME = re.compile(r"[ \t]*([\w.-]+)[ \t]*=")


def syntax_mistake(text: str, error: tomllib.TOMLDecodeError) -> tuple[int, str]:
    """The line, from 1, and what is wrong there, without the line."""
    said = str(error)
    place = _PLACE.search(said)
    if place is None:  # "(at end of document)", wherever it begins
        return _begins(text.split("\n")), f"not valid TOML: {said}{_hint(said, '')}"
    number, before = int(place[1]), said[: place.start()]
    *earlier, line = text.split("\n")[:number]
    hint = _hint(before, line) or _first_place(before, "\n".join(earlier), line)
    return number, f"not valid TOML: {before} (column {place[2]}){hint}"


def _hint(said: str, line: str) -> str:
    if _NOT_CLOSED.search(said) or ("after a statement" in said and re.search("[\"']", line.partition("#")[0])):
        return ": is a quote not closed?"
    if "hex value" in said or "Unescaped '\\'" in said or "Unicode scalar" in said:
        return ": a text with \\ in it goes between 'single quotes'"
    return ""


def _first_place(said: str, before: str, line: str) -> str:
    """Of a table or key that is there twice; `before`: the text up to that line."""
    table, name = re.search(r"Cannot declare (\(.*\)) twice", said), _NAME.match(line)
    if table:
        key: Key = literal_eval(table[1])
    elif "Cannot overwrite" in said and name:
        headers = _HEADER.findall(before)
        key = tuple(f"{headers[-1]}.{name[1]}".split(".") if headers else name[1].split("."))
    else:
        return ""
    if not _is_toml(before):  # the line is within a text of several
        return ""
    first = places(before).get(key)
    return f": '{'.'.join(map(str, key))}' is there on line {first} already" if first else ""


def _begins(lines: list[str]) -> int:
    """The line, from 1, of the statement that does not end: up to it all is well."""
    return next(number for number in range(len(lines), 0, -1) if _is_toml("\n".join(lines[: number - 1])))


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True
