"""The commands about model files: their arguments and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.arguments import StationFile
from agent.errors import UsageError, exit_on_error
from agent.model_contract import Provider
from agent.results.commands import Key, StationKey, Who

Model = Annotated[Path, typer.Argument(help="An exported .onnx file.")]


def model_install(
    config: StationFile,
    who: Who,
    model: Annotated[
        Path | None, typer.Argument(help="An exported .onnx file; with --dvc its path in that repository.")
    ] = None,
    previous: Annotated[bool, typer.Option("--previous", help="No file: the model before the one in use.")] = False,
    dvc: Annotated[str | None, typer.Option(help="A DVC repository to take the file from: folder or URL.")] = None,
    rev: Annotated[str | None, typer.Option(help="With --dvc: its commit, tag or branch; default: the newest.")] = None,
    station_key: StationKey = None,
    key: Key = None,
) -> None:
    """Swap a running station's model.  Example: linegate model install config/line.toml new.onnx --who 'R. Diaz'

    It is checked beside the old one and swapped in between two parts; if its first parts fail, the old one is back.
    If it passes and is no good all the same: --previous.
    """
    with exit_on_error():
        from agent.keys import load_client_keys
        from agent.model.fetch import fetch_model, read_model
        from agent.model.install import install_model

        if rev and dvc is None:
            raise UsageError("--rev goes with --dvc: give the repository too")
        if previous and (model or dvc):
            raise UsageError("--previous names the model by itself: give no file, and no --dvc")
        if model is None and not previous:
            raise UsageError("give the file of a model, or --previous for the one before the one in use")
        content = None
        if model:
            content = read_model(model) if dvc is None else fetch_model(dvc, model, rev)
        print(install_model(config, content, who, load_client_keys(station_key, key)))


def model_history(
    config: StationFile,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="So many entries.")] = 50,
) -> None:
    """The model in use, and what became of each that was tried.  Example: linegate model history config/line.toml"""
    with exit_on_error():
        from agent.model.history import print_history

        print_history(config, last)


def model_show(model: Model) -> None:
    """Print a model file's contract.  Example: linegate model show models/magnetic_tile.onnx"""
    with exit_on_error():
        from agent.model.show import show_model

        show_model(model)


def model_verify(
    model: Model,
    provider: Annotated[Provider, typer.Option(help="Where to run it.")] = "cpu",
) -> None:
    """Run the embedded golden samples on this device.  Example: linegate model verify models/magnetic_tile.onnx"""
    with exit_on_error():
        from agent.model.show import verify_model

        verify_model(model, provider)
