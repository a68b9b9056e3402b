"""The pages that people read, and what in them can be tested: commands, links, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
INSTALLATION = ROOT / "docs" / "install.md"
"""Run in its own order, on an empty computer, by tests/service/test_install_running.py."""


@cache
def fences(page: Path) -> tuple[tuple[str, str], ...]:
    """(language, text) of every fenced block."""
    return tuple(re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))


@cache
def inline(page: Path) -> tuple[str, ...]:
    """What stands between single backquotes, outside blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return tuple(code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", text))


def typed(page: Path) -> Iterator[str]:
    """Every command of the page's console blocks, in order: what follows a prompt, without its comment."""
    return (command for _, command in prompted(page))


def prompted(page: Path) -> Iterator[tuple[str, str]]:
    """The same with its prompt, $ or #. A line that ends in a backslash goes on in the next."""
    for language, body in fences(page):
        if language == "console":
            for line in re.sub(r"\\\n\s*", "", body).splitlines():
                if line.startswith(("$ ", "# ")):
                    yield line[0], re.split(r"\s+#(?= )", line[2:])[0].strip()


@cache
def commands() -> tuple[str, ...]:
    """Of all other pages, in their order, each once."""
    return tuple(dict.fromkeys(command for page in PAGES if page != INSTALLATION for command in typed(page)))


def examples(language: str) -> dict[str, str]:
    """Blocks of this language, by page and number."""
    return {
        f"{page.name}:{number}": body
        for page in PAGES
        for number, body in enumerate(body for kind, body in fences(page) if kind == language)
    }
