"""What is to be installed: this checkout, or a wheel of Linegate among the others in a folder."""

from __future__ import annotations

import hashlib
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from installing.refused import BAD_ARGUMENTS, Refused

CHECKOUT = Path(__file__).resolve().parents[2]
CONSTRAINTS = CHECKOUT / "constraints.txt"
EXTRAS = ("aravis", "genicam", "cuda", "parquet", "dvc")


@dataclass(frozen=True)
class Source:
    """`version`: names this and nothing else, such as 0.1.0-3f9a2c1d. `wheels`: None = from the package index."""

    version: str
    package: Path
    wheels: Path | None
    extras: tuple[str, ...]

    @property
    def requirement(self) -> str:
        """For uv."""
        return f"{self.package}[{','.join(self.extras)}]" if self.extras else str(self.package)

    @property
    def index(self) -> list[str]:
        """Where uv and pip find the rest."""
        return ["--no-index", "--find-links", str(self.wheels)] if self.wheels else []


def find_source(wheels: Path | None, extras: tuple[str, ...]) -> Source:
    """Raises Refused."""
    if wheels is None:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
        wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
        files = _files([*wheel["packages"], *wheel["force-include"], "pyproject.toml"])
        return Source(f"{project['project']['version']}-{_digest(files, extras)}", CHECKOUT, None, extras)
    own = sorted(wheels.glob("linegate-*.whl"))
    if len(own) != 1:
        raise Refused(f"--wheels {wheels}: holds {len(own)} wheels of linegate, not one: `make wheels`", BAD_ARGUMENTS)
    return Source(f"{own[0].name.split('-')[1]}-{_digest(own, extras)}", own[0].resolve(), wheels.resolve(), extras)


def _files(packaged: list[str]) -> list[Path]:
    """What the checkout's wheel is made of."""
    found = [CHECKOUT / name for name in packaged]
    files = [file for path in found for file in (path.rglob("*") if path.is_dir() else [path])]
    return sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts)


def _digest(files: list[Path], extras: tuple[str, ...]) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]} {extras}".encode())
    for file in [*files, CONSTRAINTS]:
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:8]
