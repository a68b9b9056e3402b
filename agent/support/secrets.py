"""What must not leave the computer is blotted out of every text, whoever wrote it there: config, log, journal."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

BLOT = "***"
LEAST_CHARACTERS = 4
"""A shorter password is blotted out where it stands in a URL, and nowhere else: half of each text would go."""
_USERINFO = re.compile(r"(?<=://)[^\s/\"'<>]+(?=@)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_ASSIGNED = re.compile(
    r"""(?i)(["']?[\w.-]*(?:pass(?:word|wd|phrase)?|(?<!key_)secret(?:[-_]?key)?|token|api[-_]?key)\\?["']?\s*[=:]\s*)"""
    r"""(\\"[^"\n]*\\"|"[^"\n]*"|'[^'\n]*'|(?:\\(?!")|[^\s"',;&}\])\\])+)"""
)
"""Within JSON's texts a quote is \\"."""
_CREDENTIAL = re.compile(r"(?m)^(\s*SetCredential(?:Encrypted)?=[^:\n]*:)(?:.*\\\n)*.*$")
_ENVIRONMENT = re.compile(r"(?m)^(\s*Environment=)((?:.*\\\n)*.*)$")
"""With the lines that go on after a backslash."""


class Secrets:
    """Of one station: those that its file names or holds, and whatever looks like one."""

    def __init__(self, config: Path) -> None:
        text = config.read_text(encoding="utf-8", errors="replace")
        found = {*_in_urls(text), *_in_keys(text, config.resolve().parent)}
        forms = {form for secret in found if len(secret) >= LEAST_CHARACTERS for form in _forms(secret)}
        self._literal = sorted(forms, key=len, reverse=True)  # a secret that holds another goes as a whole

    def blotted(self, text: str) -> str:
        """The text without them."""
        for secret in self._literal:
            text = text.replace(secret, BLOT)
        text = _USERINFO.sub(BLOT, text)
        text = _CREDENTIAL.sub(rf"\1{BLOT}", text)
        text = _ENVIRONMENT.sub(lambda line: line[1] + _names(line[2]), text)
        return _ASSIGNED.sub(_blot_value, text)


def _blot_value(found: re.Match[str]) -> str:
    mark = next(mark for mark in ('\\"', '"', "'", "") if found[2].startswith(mark))
    return f"{found[1]}{mark}{BLOT}{mark}"


def _names(assignments: str) -> str:
    """Of variables, without their values."""
    try:
        names = [assignment.partition("=")[0] for assignment in shlex.split(assignments.replace("\\\n", " "))]
    except ValueError:  # no such quoting: who knows where a value ends
        return BLOT
    return " ".join(f"{name}={BLOT}" for name in names)


def _forms(secret: str) -> set[str]:
    """As it may be written elsewhere: in a URL, in JSON."""
    spelt = {secret, unquote(secret), quote(unquote(secret), safe="")}
    return spelt | {json.dumps(form, ensure_ascii=ascii_)[1:-1] for form in spelt for ascii_ in (True, False)}


def _in_urls(text: str) -> Iterator[str]:
    """User information and passwords, also those with a slash, that no URL should have."""
    for address in [*_URL.findall(text), *(value for value in _strings(text) if "://" in value)]:
        userinfo, at, _ = address.split("://", 1)[1].rpartition("@")
        if at:
            yield userinfo
            yield userinfo.partition(":")[2]


def _strings(text: str) -> Iterator[str]:
    """All texts that the file gives, as it means them; none of a file that is no TOML."""
    with suppress(tomllib.TOMLDecodeError):
        pending: list[Any] = [tomllib.loads(text)]
        while pending:
            value = pending.pop()
            if isinstance(value, dict):
                pending += value.values()
            elif isinstance(value, list):
                pending += value
            elif isinstance(value, str):
                yield value


def _in_keys(text: str, folder: Path) -> Iterator[str]:
    """The secret keys in the files that the text names, and in their neighbours; they are read for nothing else."""
    named = {folder / path for path in re.findall(r"""["']([^"'\n]*\.key_secret)["']""", text)}
    neighbours = {neighbour for path in named for neighbour in path.parent.glob("*.key_secret")}
    for path in named | neighbours:
        with suppress(OSError):
            yield from re.findall(r'secret-key\s*=\s*"([^"]+)"', path.read_text(encoding="utf-8", errors="replace"))
