"""One version of the program: a virtual environment, complete or not there."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from installing.changes import Changes, run
from installing.places import CONFIG, USER, Program, require_seen
from installing.refused import BAD_CONFIG, Refused
from installing.source import CHECKOUT, CONSTRAINTS, Source

COMPLETE = "installed.json"
"""Written last."""


def is_complete(folder: Path) -> bool:
    """Was it built to its end?"""
    return (folder / COMPLETE).exists()


def extras_of(folder: Path) -> tuple[str, ...]:
    """What it was installed with."""
    return tuple(json.loads((folder / COMPLETE).read_text())["extras"]) if is_complete(folder) else ()


def shipped(folder: Path) -> Path:
    """What comes with that version beside its code: config, models, systemd."""
    found = sorted(folder.glob("lib/python3*/site-packages/agent/shipped"))
    if not found:
        raise Refused(f"{folder}: no version of linegate: remove it and install again")
    return found[0]


def build(program: Program, source: Source, changes: Changes) -> None:
    """Its environment, unless it is there. Raises Refused; what was begun is gone then."""
    folder = program.folder(source.version)
    if is_complete(folder):
        return
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    require_seen(python, "Python")
    changes.remove(folder)
    changes.folder(program.versions)
    uv = _find_uv(program, source, python, changes)
    where = f"from {source.wheels}" if source.wheels else "from the package index"
    changes.make(f"install linegate {source.version} and what it needs {where} into {folder}",
                 lambda: _install(program, folder, source, uv, python))  # fmt: skip


def _install(program: Program, folder: Path, source: Source, uv: str, python: Path) -> None:
    os.environ.setdefault("UV_CACHE_DIR", str(program.downloads))
    os.environ.setdefault("UV_COMPILE_BYTECODE", "1")  # the service cannot write it, and would compile at every start
    try:
        run(uv, "venv", "--quiet", "--python", python, folder)
        options = ["--quiet", "--constraint", str(CONSTRAINTS), "--reinstall-package", "linegate", *source.index]
        run(uv, "pip", "install", "--python", folder / "bin" / "python", *options, source.requirement)
    except (Refused, KeyboardInterrupt):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(program.downloads, ignore_errors=True)
    (folder / COMPLETE).write_text(json.dumps({"version": source.version, "extras": source.extras}) + "\n")


def _find_uv(program: Program, source: Source, python: Path, changes: Changes) -> str:
    """The computer's own, or one for us alone: Debian has no package of it."""
    if found := shutil.which("uv"):
        return found
    uv = program.uv / "bin" / "uv"
    if not uv.exists():
        pin = next(line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("uv=="))
        changes.make(f"install {pin} into {program.uv}", lambda: _install_uv(program.uv, python, pin, source.index))
    return str(uv)


def _install_uv(folder: Path, python: Path, pin: str, index: list[str]) -> None:
    try:
        run(python, "-m", "venv", folder)
    except Refused as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Refused("Python has no venv module: apt-get install python3-venv") from error
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]
    run(*pip, "install", "--quiet", *index, pin)


def install_system_packages(source: Source, changes: Changes) -> None:
    """Debian's packages that are missing. Raises Refused where there is no network to fetch them from."""
    aravis = ["aravis-run" if source.wheels else "aravis"] if "aravis" in source.extras else []
    script, purposes = CHECKOUT / ".ci" / "system-packages", ["run", *aravis]
    missing = run(script, "--missing", *purposes).strip()
    if missing and source.wheels:
        raise Refused(f"missing: {missing}: Debian's packages: install them (docs/install.md, without network)")
    if missing:
        changes.run(f"install Debian's {missing}", script, *purposes)


def require_good_configs(program: Program, version: str, changes: Changes) -> None:
    """Each station's file passes `linegate check` of that version. Raises Refused."""
    for path in station_files():
        if changes.dry_run:
            print(f"would check {path} with linegate {version}")
            continue
        try:
            run(program.folder(version) / "bin" / "linegate", "check", path, user=USER, folder=CONFIG)
        except Refused as error:
            raise Refused(
                f"linegate {version} refuses {path}, and is not put to work; it says:\n{error}", BAD_CONFIG
            ) from error
        print(f"{path}: good for linegate {version}", flush=True)


def station_files() -> list[Path]:
    """line1.toml is a station; line1.calibration.toml belongs to one."""
    return sorted(path for path in CONFIG.glob("*.toml") if "." not in path.stem)
