"""A station's file with mistakes in it: those tables that are sound by themselves, so that they can be looked into."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from pydantic import ValidationError, create_model

from agent.check.problems import Problems
from agent.config import Config
from agent.toml import Strict


def read_config(problems: Problems) -> tuple[Config, Set[str]]:
    """The config with its sound tables, and their field names; the others must not be touched."""
    file = problems.file
    try:
        return file.validated(Config), set(Config.model_fields)
    except ValidationError as error:
        broken = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        for problem in file.mistakes(Config, error):
            problems.add(problem)
    config, sound = _sound_tables(problems, broken)
    for text in config.disagreements(sound):
        problems.add(file.about(text))
    return config, sound


def _sound_tables(problems: Problems, broken: Set[str]) -> tuple[Config, set[str]]:
    """Each table on its own; nothing is known of how they go together."""
    fields = Config.model_fields.items()
    written = {name for name, field in fields if (field.alias or name) in problems.file.values}
    values = {}
    for name, field in fields:
        key = field.alias or name
        if key in broken:
            continue
        alone = create_model(name, __base__=Strict, **{name: (field.annotation, field)})  # type: ignore[call-overload]
        given = {key: problems.file.values[key]} if key in problems.file.values else {}
        values[name] = getattr(problems.file.validated(alone, given), name)
    return Config.model_construct(_fields_set=written, **values), set(values)


def written_paths(config: Config, sound: Set[str]) -> dict[str, Path]:
    """What has to be there when the station starts, by its key."""
    paths: dict[str, Path | None] = {}
    if "recipe" in sound:
        paths["recipe"] = config.recipe
    if "other_recipes" in sound:
        paths |= {f"other_recipes.{number}": path for number, path in enumerate(config.other_recipes)}
    if "model" in sound:
        paths["model.path"] = config.model.path
    if "calibration" in sound:
        paths["calibration.file"] = config.calibration.file
    if "publisher" in sound:
        paths["publisher.station_key"] = config.publisher.station_key
        paths["publisher.client_keys"] = config.publisher.client_keys
    if "camera" in sound:
        paths |= {f"camera.{name}": getattr(config.camera, name, None) for name in ("path", "cti")}
    return {key: path for key, path in paths.items() if path is not None}
