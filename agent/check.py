"""What can be known of a station without its hardware: config, recipe, model file, self-test."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agent.archive.check import archive_warnings
from agent.archive.kept_images import archive_folder
from agent.camera_config import AravisCamera, Camera, FolderCamera, GenicamCamera, Mode
from agent.cameras.drivers.pixel_format import require_supported
from agent.cameras.open_camera import open_driver
from agent.config import Config, load_config
from agent.first_picture import check_first_picture
from agent.judge import Judge
from agent.model_contract import Provider
from agent.plc.arm.open_arm import check_lanes
from agent.recipe import load_recipes
from agent.results.clients import load_access
from agent.results.exposure import exposed, figures_exposed
from agent.segmenter import Segmenter
from agent.tiling_cost import tiling_cost
from agent.view import open_view

NO_PLC = "none: verdicts go to subscribers and journal; no arm, no heartbeat"


def check_config(path: Path) -> None:
    """Print what the station would run; ConfigError at the first thing that would stop it."""
    config = load_config(path)
    access = load_access(config.publisher)
    _check_driver(config.camera, config.trigger.mode)
    recipes = load_recipes(config.recipe, config.other_recipes)
    segmenter = Segmenter(config.model.path, config.model.provider, config.model.threads, config.model.tiling)
    view = open_view(config)
    check_first_picture(config.camera, view)
    calibration = view.calibration(config.calibration)
    for recipe in recipes.values():
        Judge(recipe, calibration, segmenter.contract)
    segmenter.self_test()
    check_lanes(config.reject, segmenter.contract.defect_classes)
    console = Console(highlight=False)
    console.print(f"{path}: good", style="green")
    console.print(f"  station  {config.station.line}/{config.station.name}, state in {config.station.state_dir}")
    console.print(f"  camera   {config.camera.driver}, trigger {config.trigger.mode}, {_trigger_limit(config)}")
    by = config.calibration.file.name if config.calibration.file else "this file"
    console.print(f"  scale    {calibration.x_mm_per_px:.4g} × {calibration.y_mm_per_px:.4g} mm/px, by {by}")
    console.print(f"  model    {segmenter.sha256[:12]} on {segmenter.provider}, self-test passed")
    if config.model.tiling:
        for line, style in tiling_cost(config, config.model.tiling, segmenter, view):
            console.print(line, style=style)
    for recipe in recipes.values():
        console.print(f"  recipe   {recipe.name} (job {recipe.job}), {recipe.sha256[:12]}")
        if not recipe.frame.notices_blur:
            console.print(
                f"  warning  recipe {recipe.name}: frame.min_sharpness = {recipe.frame.min_sharpness:g} notices no "
                "blur: set half of what `linegate camera live` shows of good parts",
                style="yellow",
            )
    console.print(f"  PLC      {config.plc.where if config.has_plc else NO_PLC}")
    if access:
        clients = access[1]
        console.print(f"  clients  {len(clients)} with a key, {clients.operators} of them may command")
    if config.metrics:
        console.print(f"  figures  for Prometheus at http://{config.metrics.endpoint}/metrics")
    if config.archive:
        console.print(
            f"  images   in {archive_folder(config)}, {config.archive.max_gb:g} GB, {config.archive.keep_days} days"
        )
    _print_arm(config, console)
    for warning in _warnings(config, segmenter):
        console.print(f"  warning  {warning}", style="yellow")


def _print_arm(config: Config, console: Console) -> None:
    if config.reject.pass_coil is not None:
        watchdog_ms = config.reject.watchdog_ms(config.plc, config.trigger.min_pitch_ms)
        console.print(
            f"  reject   by coil {config.reject.pass_coil}, energised to pass: the output watchdog of PLC or coupler "
            f"must drop it {watchdog_ms:.0f} ms after the last write"
        )
    if config.reject.fail_open:
        console.print(
            f"  FAIL OPEN  reject.reject_coil = {config.reject.reject_coil} is energised to reject: a dead wire, "
            "valve or station lets every part pass",
            style="bold red",
        )


def _warnings(config: Config, segmenter: Segmenter) -> Iterator[str]:
    period_ms = config.trigger.period_ms
    if period_ms is not None and period_ms < segmenter.bare_ms:
        yield (
            f"trigger.period_ms = {period_ms:g} is shorter than one run of the model on this computer, "
            f"{segmenter.bare_ms:.1f} ms: parts would wait until they are too late"
        )
    if warning := exposed(config.publisher):
        yield warning
    yield from archive_warnings(config)
    if config.metrics and (warning := figures_exposed(config.metrics)):
        yield warning


def _check_driver(camera: Camera, mode: Mode) -> None:
    """As far as that goes without a camera: files, libraries, whether its pixel format can be read."""
    match camera:
        case FolderCamera():
            open_driver(camera, mode).close()
        case AravisCamera():
            require_supported(camera.pixel_format)
            import_module("agent.cameras.drivers.aravis_library").require_aravis()
        case GenicamCamera():
            require_supported(camera.pixel_format)
            import_module("agent.cameras.drivers.gentl_producer").require_loadable(camera.cti)


def _trigger_limit(config: Config) -> str:
    if config.has_plc:
        return f"jitter {config.trigger_jitter_ms:.0f} ms"
    return f"verdict within {config.trigger.deadline_ms:.0f} ms"


def show_model(path: Path) -> None:
    """Print the contract that the file carries."""
    segmenter = Segmenter(path)
    contract = segmenter.contract
    table = Table("", "", show_header=False, title=str(path), title_justify="left")
    table.columns[1].overflow = "fold"
    table.add_row("sha256", segmenter.sha256)
    table.add_row("input", f"uint8 {contract.input.height_px} × {contract.input.width_px} × {contract.input.channels}")
    table.add_row("classes", ", ".join(f"{name} ≥ {contract.thresholds[name]:.2f}" for name in contract.defect_classes))
    table.add_row("precision", contract.precision)
    table.add_row("golden samples", ", ".join(sample.name for sample in contract.golden))
    for name, value in (contract.producers | {"opset": str(contract.opset)}).items():
        table.add_row(name, value)
    table.add_row("git commit", contract.git_commit)
    table.add_row("data md5", contract.data_md5)
    for name, metric in contract.metrics.items():
        table.add_row(name, f"{metric:.4g}")
    Console(highlight=False).print(table)


def verify_model(path: Path, provider: Provider) -> None:
    """Run the golden samples on this device; ConfigError when one is out of tolerance."""
    segmenter = Segmenter(path, provider)
    segmenter.self_test()
    Console(highlight=False).print(
        f"{path}: {len(segmenter.contract.golden)} golden samples within tolerance on {provider}", style="green"
    )
