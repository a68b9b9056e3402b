"""What an installation has beside its code: every page that its messages send somebody to."""

from __future__ import annotations

import re
import tomllib

from agent.shipped import shipped, where_pages_lie
from tests.conftest import ROOT


def test_each_page_that_a_message_names_comes_along() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    brought = {page for page, there in built["force-include"].items() if there == f"agent/shipped/{page}"}
    named = {page for path in (ROOT / "agent").rglob("*.py") for page in re.findall(r"docs/\w+\.md", path.read_text())}
    assert len(named) > 2
    assert named <= brought, named - brought
    assert all((ROOT / page).exists() for page in brought)


def test_whoever_is_sent_to_a_page_is_told_where_it_lies() -> None:
    assert where_pages_lie(["see docs/results.md"]) == f"docs/… lies in {shipped('docs').parent}"
    assert where_pages_lie(["see dmesg"]) == ""
    assert (shipped("docs") / "results.md").exists()
