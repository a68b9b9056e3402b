"""Where the files that come with Linegate lie: in the installed package, or in the checkout's root."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def shipped(relative: str) -> Path:
    """The path of e.g. 'config/demo.toml' or 'models/magnetic_tile.onnx'."""
    package = Path(__file__).parent
    installed = package / "shipped" / relative
    return installed if installed.exists() else package.parent / relative


def where_pages_lie(texts: Iterable[str]) -> str:
    """For a person who is sent to a page: a line where one of the texts names one; else ""."""
    return f"docs/… lies in {shipped('docs').parent}" if any("docs/" in text for text in texts) else ""
