"""Everything that can be known of a station without its hardware, whatever else is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from agent.cameras.open_camera import ordered_size
from agent.check.cameras import check_camera, check_serial_device
from agent.check.confinement import kept_away
from agent.check.first_picture import check_first_picture
from agent.check.folders import check_room, check_state_dir
from agent.check.memory import check_memory
from agent.check.neighbours import check_neighbours
from agent.check.network import check_network
from agent.check.plausible import check_units
from agent.check.problems import Problems
from agent.check.recipes import Read, check_rules, check_sizes, read_recipes
from agent.check.sound import read_config, written_paths
from agent.check.tiling_cost import tile_plan
from agent.check.times import check_times
from agent.complaint import near_path, unknown
from agent.config import Config
from agent.inspection import Image
from agent.inspector import open_segmenter
from agent.judge import Calibration
from agent.keys import is_credential, load_pair
from agent.model.store import ModelStore, Unseen
from agent.plc.arm.open_arm import NOT_CLASSES
from agent.results.clients import Clients
from agent.segmenter import Segmenter
from agent.tiling import TilePlan
from agent.toml import TomlFile
from agent.view import View, open_view

REHEARSALS = 3


@dataclass
class Checked:
    """What the station would run with; a part is None where it cannot be had, or is not asked for."""

    config: Config
    problems: Problems
    recipes: Read
    model_path: Path | None = None
    """The file in use, not always the config's."""
    segmenter: Segmenter | None = None
    view: View | None = None
    calibration: Calibration | None = None
    clients: Clients | None = None
    tiles: TilePlan | None = None


def check_config(path: Path) -> Checked:
    """Look at every file of the station, each on its own as far as that goes. ConfigError: `path` is no TOML file."""
    problems = Problems(TomlFile(path, "config"))
    config, sound = read_config(problems)
    paths = {key: file for key, file in written_paths(config, sound).items() if _is_there(key, file, problems)}
    recipes = read_recipes({key: file for key, file in paths.items() if "recipe" in key}, problems)
    checked = Checked(config, problems, recipes)
    _look_at_tables(config, sound, paths, problems)
    if "model" in sound and "model.path" in paths:
        _open_model(checked, sound)
    if {"publisher", "trigger"} <= sound:
        checked.clients = _open_clients(config, paths, problems)
    if {"camera", "view", "calibration"} <= sound and (not config.calibration.file or "calibration.file" in paths):
        _open_view(checked, problems)
    if checked.segmenter:
        _look_at_model(checked, checked.segmenter, sound)
    return checked


def _is_there(key: str, path: Path, problems: Problems) -> bool:
    try:
        there = path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        there, why = False, str(error)
    else:
        why = f"{path}: no such file or folder{near_path(path)}"
    if not there and is_credential(path):
        problems.warn(key, f"{path}: only the service itself sees it, while it runs: this key is not checked")
    elif not there:
        problems.error(key, f"{why}: check the path")
    return there


def _look_at_tables(config: Config, sound: Set[str], paths: dict[str, Path], problems: Problems) -> None:
    check_units(config, sound, problems)
    check_network(config, sound, problems)
    if "camera" in sound and ("camera.path" in paths or not hasattr(config.camera, "path")):
        check_camera(config, sound, problems)
    if "plc_table" in sound and config.has_plc:
        check_serial_device(config, problems)
    if "station" in sound:
        check_state_dir(config.station.state_dir, problems)
    if {"station", "journal"} <= sound:
        check_room(config, problems, "archive" in sound)
    for key, seen, remedy in kept_away(config, sound, problems.file.path):
        problems.warn(key, f"{seen}: {remedy}")
    check_memory(config, sound, problems)
    if {"station", "publisher", "metrics", "plc_table", "camera"} <= sound:
        check_neighbours(config, problems)
    if "reject" in sound and config.reject.fail_open:
        problems.warn(
            "reject.fail_open",
            f"FAIL OPEN: reject.reject_coil = {config.reject.reject_coil} is energised to reject: a dead wire, valve "
            "or station lets every part pass; wire the arm energise-to-pass (pass_coil)",
        )


def _open_model(checked: Checked, sound: Set[str]) -> None:
    """Self-tested, where it can be run here."""
    config, problems = checked.config, checked.problems
    opened = Problems(problems.file)
    with opened.at("model.path"):
        configured = config.model.path
        try:
            path = ModelStore(config.station.state_dir, configured).in_use() if "station" in sound else configured
        except Unseen as error:
            problems.warn("model.path", f"{error}; recipes are not held against the model until then")
            return
        checked.model_path, checked.segmenter = path, open_segmenter(config, path)
    for problem in opened.found:
        key = "model.provider" if problem.text.startswith("provider") else "model.path"
        problems.error("model.tiling" if "model.tiling" in problem.text else key, problem.text)


def _open_clients(config: Config, paths: dict[str, Path], problems: Problems) -> Clients | None:
    """Those who get in; None where nobody needs a key, or where that cannot be told."""
    if station_key := paths.get("publisher.station_key"):
        with problems.at("publisher.station_key"):
            load_pair(station_key)
    clients: Clients | None = None
    if folder := paths.get("publisher.client_keys"):
        with problems.at("publisher.client_keys"):
            clients = Clients(folder)
    if clients is not None and not len(clients):
        problems.warn("publisher.client_keys", "no client's key lies there: nobody gets in; add NAME.key files")
    elif clients is not None and not clients.operators and config.trigger.mode == "software":
        problems.warn(
            "publisher.client_keys",
            "no operator's key lies there, and trigger.mode = 'software' needs one: put the keys of those who may "
            "command into its folder operators",
        )
    return clients


def _open_view(checked: Checked, problems: Problems) -> None:
    config = checked.config
    with problems.at("calibration.file" if config.calibration.file else "view"):
        checked.view = open_view(config)
        checked.calibration = checked.view.calibration(config.calibration)
    if checked.view and not any(found.is_error and found.key.startswith("camera") for found in problems.found):
        with problems.at("camera"):
            check_first_picture(config.camera, checked.view)


def _look_at_model(checked: Checked, segmenter: Segmenter, sound: Set[str]) -> None:
    """What the other tables and the recipes ask of the model."""
    config, problems, contract = checked.config, checked.problems, segmenter.contract
    size_px = _size_px(checked)
    for file, recipe in checked.recipes:
        check_rules(file, recipe, contract, problems)
        if size_px and checked.calibration:
            check_sizes(file, recipe, config, contract, size_px, checked.calibration, problems)
    if "reject" in sound:
        for name in config.reject.lane_coils:
            if name not in (known := (*contract.defect_classes, *NOT_CLASSES)):
                problems.error(f"reject.lane_coils.{name}", unknown("class", f"reject.lane_coils.{name}", known))
    checked.tiles = tile_plan(config, segmenter, size_px)
    if {"trigger", "plc_table"} <= sound:
        runs = len(checked.tiles.batches) if checked.tiles else 1
        check_times(config, runs * _fastest_ms(segmenter), problems)


def _fastest_ms(segmenter: Segmenter) -> float:
    """One run of the model, undisturbed by whatever else this computer does now."""
    return min(_run_ms(segmenter, image) for _ in range(REHEARSALS) for image in segmenter.golden_images())


def _run_ms(segmenter: Segmenter, image: Image) -> float:
    """On a CPU that others use too, no more than this process has had of it."""
    begun_ns = time.process_time_ns()
    run_ms = segmenter.segment(image).run_ms
    return min(run_ms, (time.process_time_ns() - begun_ns) / 1e6) if segmenter.provider == "cpu" else run_ms


def _size_px(checked: Checked) -> tuple[int, int] | None:
    """Width and height of the inspected image, where the files say it."""
    if checked.view and checked.view.size_px:
        return checked.view.size_px
    ordered = ordered_size(checked.config.camera) if checked.view else None
    return (ordered[1], ordered[0]) if ordered else None
