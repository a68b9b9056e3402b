"""On which line of a TOML file each key stands; tomllib does not say.

For text that tomllib has accepted: what is wrong in a file is its business, so this one needs no rule of TOML but those
that tell keys from values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

Key = tuple[str | int, ...]
"""From the root down; numbers count the elements of an array, from 0."""

_TOKEN = re.compile(
    r'(?P<text>"{3}(?:\\.|[^\\])*?"{3,5}(?!")|\'{3}.*?\'{3,5}(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<comment>#[^\n]*)|(?P<space>[ \t\r]+)|(?P<mark>[\n\[\]{}=,.])|(?P<bare>[^\s\[\]{}=,.\"'#]+)",
    re.DOTALL,
)
_END = ""


class _Token(NamedTuple):
    text: str
    line: int


def places(text: str) -> dict[Key, int]:
    """The line of every key and table, from 1; of a table the first line that speaks of it. `text`: valid TOML."""
    return _Scan(text).found


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup not in ("comment", "space"):
            yield _Token(match[0], line)
        line += match[0].count("\n")
    yield _Token(_END, line)


class _Scan:
    """Recursive descent; `found` is complete when the constructor returns."""

    def __init__(self, text: str) -> None:
        self.found: dict[Key, int] = {}
        self._tokens = list(_tokens(text))
        self._at = 0
        self._elements: dict[Key, int] = {}
        """How many elements each array of tables has so far."""
        table: Key = ()
        while self._skip("\n").text != _END:
            if self._tokens[self._at].text == "[":
                table = self._header()
            else:
                self._pair(table)

    def _next(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, *marks: str) -> _Token:
        """The token after these."""
        while self._tokens[self._at].text in marks:
            self._at += 1
        return self._tokens[self._at]

    def _header(self) -> Key:
        line, is_array = self._next().line, self._tokens[self._at].text == "["
        self._skip("[")
        *parents, name = self._key()
        self._skip("]")
        table: Key = ()
        for parent in parents:
            table = self._newest(self._note((*table, parent), line))
        table = self._note((*table, name), line)
        if is_array:
            self._elements[table] = self._elements.get(table, 0) + 1
            return self._note(self._newest(table), line)
        return table

    def _newest(self, table: Key) -> Key:
        """Of an array of tables its last element, which a header means by the array's name."""
        return (*table, self._elements[table] - 1) if table in self._elements else table

    def _note(self, key: Key, line: int) -> Key:
        self.found.setdefault(key, line)
        return key

    def _key(self) -> list[str]:
        parts = [_unquoted(self._next().text)]
        while self._tokens[self._at].text == ".":
            self._at += 1
            parts.append(_unquoted(self._next().text))
        return parts

    def _pair(self, table: Key) -> None:
        line = self._tokens[self._at].line
        for part in self._key():
            table = self._note((*table, part), line)
        self._skip("=")
        self._value(table)

    def _value(self, key: Key) -> None:
        first = self._tokens[self._at].text
        if first == "[":
            self._array(key)
        elif first == "{":
            self._inline_table(key)
        else:
            while self._tokens[self._at].text not in ("\n", ",", "]", "}", _END):
                self._at += 1

    def _array(self, key: Key) -> None:
        self._at += 1
        count = 0
        while (token := self._skip("\n", ",")).text != "]":
            self._value(self._note((*key, count), token.line))
            count += 1
        self._at += 1

    def _inline_table(self, key: Key) -> None:
        self._at += 1
        while self._skip("\n", ",").text != "}":
            self._pair(key)
        self._at += 1


def _unquoted(name: str) -> str:
    return str(tomllib.loads(f"name = {name}")["name"]) if name[0] in "\"'" else name
