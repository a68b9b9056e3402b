"""What the pages name is there: links, files, commands and their options, keys of the station's file, examples."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from agent.command_line import app
from agent.config import Config
from tests.conftest import ROOT
from tests.docs import how
from tests.docs.pages import PAGES, commands, examples, fences, inline, typed
from tests.docs.tables import models

AS_USER = "runuser -u linegate -- "
GROUPS = ("camera", "plc", "model", "journal", "keys")
PAST = ROOT / "docs" / "decisions.md"
"""Why things are as they are: what it names need not be there any more."""


@cache
def anchors(page: Path) -> frozenset[str]:
    """Of every heading, as the web makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_s_contents_name_every_section(page: Path) -> None:
    contents = re.search(r"^Contents: (.*?)\n\n", page.read_text(), re.DOTALL | re.MULTILINE)
    if contents:
        listed = re.findall(r"\]\(#([^)]+)\)", contents[1])
        assert len(listed) == len(re.findall(r"^## ", page.read_text(), re.MULTILINE))


def test_every_page_is_found_from_the_first() -> None:
    found, ahead = set(), {PAGES[0]}
    while ahead:
        page = ahead.pop()
        found.add(page)
        linked = {(page.parent / target).resolve() for target in re.findall(r"\]\(([\w./-]+\.md)", page.read_text())}
        ahead |= (linked & set(PAGES)) - found
    assert found == set(PAGES)


@cache
def help_of(name: str) -> str:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"}, color=False)
    assert shown.exit_code == 0, name
    return shown.stdout


def named(page: Path) -> set[str]:
    """Commands in the text of the page: `linegate …`."""
    return {code for code in inline(page) if re.match(rf"({AS_USER})?linegate [a-z]", code)}


@pytest.mark.parametrize("page", [page for page in PAGES if page != PAST], ids=lambda page: page.name)
def test_every_command_that_a_page_speaks_of_exists(page: Path) -> None:
    for command in named(page):
        words = shlex.split(re.sub(r"\$\(.*?\)|\|.*", "X", re.sub(AS_USER, "", command)))[1:]
        name = " ".join(words[: 2 if words[0] in GROUPS else 1])
        for option in re.findall(r" (--?[a-z][\w-]*)", command.partition(name)[2]):
            assert option in help_of(name), command
        help_of(name)


def test_every_option_that_a_page_speaks_of_exists() -> None:
    install = subprocess.run([sys.executable, ROOT / "systemd" / "install", "--help"], capture_output=True, text=True)
    known = install.stdout + "".join(help_of(name) for name in names(get_command(app)))
    said = {code for page in PAGES if page != PAST for code in inline(page) if re.fullmatch(r"--[a-z][\w-]*", code)}
    assert not {option for option in said if option not in known}


def names(group: Any, before: str = "") -> Iterator[str]:
    """Of every command."""
    for name, command in group.commands.items():
        yield from names(command, f"{name} ") if hasattr(command, "commands") else [before + name]


@pytest.mark.parametrize("page", [page for page in PAGES if page != PAST], ids=lambda page: page.name)
def test_every_file_of_ours_that_a_page_names_exists(page: Path) -> None:
    for path in inline(page):
        if re.fullmatch(r"(agent|config|docs|systemd|tests|trainer|export|reports|models)/[\w/.@-]+", path):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("body", examples("toml").values(), ids=examples("toml").keys())
def test_every_key_of_an_example_of_a_file_exists(body: str) -> None:
    for name, table in tomllib.loads(body).items():
        kinds = list(models(Config.model_fields[name].annotation))
        assert any(set(table) <= set(kind.model_fields) for kind in kinds), name


@pytest.mark.parametrize("body", examples("python").values(), ids=examples("python").keys())
def test_every_example_of_python_is_python(body: str) -> None:
    ast.parse(body)


def test_every_command_is_run_here_or_by_a_test_that_is_named() -> None:
    assert len(commands()) > 80
    assert set(how.ELSEWHERE) <= set(commands()), "how.ELSEWHERE names commands that no page has"
    for command, (test, why) in how.ELSEWHERE.items():
        assert why if test else why.startswith("none "), command
        assert not test or (ROOT / test).is_file(), test


def test_no_page_needs_sudo() -> None:
    """A bare Debian with a password for root has none."""
    for command in (command for page in PAGES for command in (*typed(page), *inline(page))):
        assert not command.startswith("sudo -u"), command


def test_blocks_with_commands_are_console_blocks() -> None:
    """So that they are run: a prompt anywhere else, or a command without one, is not."""
    for page in PAGES:
        for language, body in fences(page):
            if language != "console":
                loose = re.findall(r"^(?:[$#] )?(?:linegate|make|dvc|systemctl|runuser) .*$", body, re.MULTILINE)
                assert not loose, f"{page.name}: {loose}"
