"""`linegate model install` and `history`: their arguments and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.errors import UsageError, exit_on_error
from agent.results.commands import Key, StationKey, Who

Config = Annotated[Path, typer.Argument(help="The station's TOML file.")]


def model_install(
    config: Config,
    model: Annotated[Path, typer.Argument(help="An exported .onnx file; with --dvc its path in that repository.")],
    who: Who,
    dvc: Annotated[str | None, typer.Option(help="A DVC repository to take the file from: folder or URL.")] = None,
    rev: Annotated[str | None, typer.Option(help="With --dvc: its commit, tag or branch; default: the newest.")] = None,
    station_key: StationKey = None,
    key: Key = None,
) -> None:
    """Swap a running station's model.  Example: linegate model install config/line.toml new.onnx --who 'R. Diaz'

    It is checked beside the old one and swapped in between two parts; if its first parts fail, the old one is back.
    """
    with exit_on_error():
        from agent.keys import load_client_keys
        from agent.model.fetch import fetch_model, read_model
        from agent.model.install import install_model

        if rev and dvc is None:
            raise UsageError("--rev goes with --dvc: give the repository too")
        content = read_model(model) if dvc is None else fetch_model(dvc, model, rev)
        print(install_model(config, content, who, load_client_keys(station_key, key)))


def model_history(
    config: Config,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="So many entries.")] = 50,
) -> None:
    """What became of each model that was tried, newest first.  Example: linegate model history config/line.toml"""
    with exit_on_error():
        from agent.model.history import print_history

        print_history(config, last)
