"""The commands of `linegate` put together; those that have no package of their own stand here."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.exceptions import TyperException

from agent.archive.command import collect
from agent.arguments import StationFile
from agent.cameras.commissioning.calibrate_command import calibrate
from agent.cameras.commissioning.commands import camera_list, camera_live, camera_snap
from agent.cameras.commissioning.record_command import record
from agent.cameras.sim.command import CAMERA_EPILOG, CAMERA_MANUAL, camera_sim
from agent.check.command import check
from agent.doctor.command import doctor
from agent.errors import UsageError, exit_on_error, exit_when_output_breaks
from agent.journal.commands import journal_backup, journal_check, journal_export
from agent.model.command import model_history, model_install, model_show, model_verify
from agent.plc.commissioning.commands import accept, probe
from agent.plc.sim.command import EPILOG, MANUAL, plc_sim
from agent.report.command import report
from agent.results import commands as results
from agent.support.command import support_bundle

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="Inspect every part on a production line; only proven-good parts pass.")  # fmt: skip
plc_app = typer.Typer(no_args_is_help=True, help="The PLC side: register map and simulator.")
camera_app = typer.Typer(no_args_is_help=True, help="Cameras: what is there, what it sees, how steadily it delivers.")
model_app = typer.Typer(no_args_is_help=True, help="Model files: what they say, whether they run right; swap one in.")
journal_app = typer.Typer(no_args_is_help=True, help="The record of every part: copies of it, and whether it is whole.")
keys_app = typer.Typer(no_args_is_help=True, help="Keys for encrypted results and commands.")
app.add_typer(plc_app, name="plc")
plc_app.command("sim", help=MANUAL, epilog=EPILOG)(plc_sim)
plc_app.command("probe")(probe)
plc_app.command("accept")(accept)
app.add_typer(camera_app, name="camera")
camera_app.command("list")(camera_list)
camera_app.command("snap")(camera_snap)
camera_app.command("live")(camera_live)
camera_app.command("sim", help=CAMERA_MANUAL, epilog=CAMERA_EPILOG)(camera_sim)
app.add_typer(model_app, name="model")
model_app.command("install")(model_install)
model_app.command("history")(model_history)
model_app.command("show")(model_show)
model_app.command("verify")(model_verify)
app.add_typer(journal_app, name="journal")
journal_app.command("backup")(journal_backup)
journal_app.command("check")(journal_check)
journal_app.command("export")(journal_export)
app.add_typer(keys_app, name="keys")
keys_app.command("new")(results.keys_new)
for command in (results.watch, report, collect, results.challenge, results.trigger, results.pause, results.resume,
                results.job, results.snapshot, results.clear, results.relearn):  # fmt: skip
    app.command()(command)
app.command("check")(check)
app.command("record")(record)
app.command("doctor")(doctor)
app.command("support-bundle")(support_bundle)
app.command("calibrate")(calibrate)


@app.command()
def run(
    config: StationFile,
    record: Annotated[Path | None, typer.Option(help="Store every frame in this folder, for a replay.")] = None,
    log_format: Annotated[
        Literal["text", "json"],
        typer.Option(help="Of the lines on stderr; where that is systemd's journal, text goes with all its fields."),
    ] = "text",
) -> None:
    """Run one station until SIGTERM.  Example: linegate run config/simulation.toml"""
    from agent.log.open_log import open_log, tell_end
    from agent.service import ends_without_those_left_behind, stop_on_signals

    open_log(log_format)
    with ends_without_those_left_behind(), exit_on_error(tell_end):
        from agent.config import load_config
        from agent.log.about import every_line_has
        from agent.open_station import run_station

        settings = load_config(config)
        every_line_has(LINE=settings.station.line, STATION=settings.station.name)
        run_station(settings, stop_on_signals(), record)


@app.command()
def demo(
    images: Annotated[
        Path | None, typer.Option(help="Folder of the magnetic-tile data set; default: rendered tiles.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long the belt runs.")] = 30.0,
    rate: Annotated[float, typer.Option(min=0.5, max=50, help="Parts per second.")] = 10.0,
    defects: Annotated[float, typer.Option(min=0, max=1, help="Share of parts with a defect.")] = 0.3,
    seed: Annotated[int, typer.Option(help="Same seed, same belt.")] = 1,
) -> None:
    """Simulated line, no hardware: PLC and belt, station, live view, summary.  Example: linegate demo --seconds 30"""
    with exit_on_error():
        from agent.demo import run_demo
        from agent.local_line import LineOptions

        sys.exit(run_demo(LineOptions(images, seconds, rate, defects, seed)))


@app.command()
def bench(
    model: Annotated[Path | None, typer.Option(help="Another model than the shipped one.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long it is measured.")] = 30.0,
    rate: Annotated[float, typer.Option(min=1, max=100, help="Parts per second.")] = 20.0,
    frame: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT: no line, but tiling such a frame instead.")] = None,
    overlap: Annotated[int, typer.Option(min=0, help="With --frame: model.tiling.overlap_px.")] = 32,
    scale: Annotated[float, typer.Option(min=0.01, max=1, help="With --frame: model.tiling.scale.")] = 1.0,
    rows: Annotated[int | None, typer.Option(min=1000, help="No line: the record, on a journal of so many.")] = None,
    compare: Annotated[tuple[Path, Path] | None, typer.Option(help="No line: two model files, run in turn.")] = None,
) -> None:
    """Measure the deadline path on this machine, at real cadence.  Example: linegate bench --rate 20

    What a frame larger than the model's input costs:  linegate bench --frame 2448x2048 --overlap 32
    What journal, results and reports cost:  linegate bench --rows 1000000
    Which of two model files is faster here:  linegate bench --compare fp32.onnx int8.onnx
    """
    with exit_on_error():
        if compare is not None:
            from agent.benches.compare_bench import run_compare_bench

            run_compare_bench(compare, seconds)
            return
        if rows is not None:
            from agent.benches.results_bench import run_results_bench

            run_results_bench(rows, seconds, rate)
            return
        if frame is not None:
            from agent.benches.tiling_bench import run_tiling_bench
            from agent.config import TilingConfig

            run_tiling_bench(frame, TilingConfig(overlap_px=overlap, scale=scale), seconds, model)
            return
        from agent.benches.bench import run_bench
        from agent.local_line import LineOptions

        run_bench(LineOptions(seconds=seconds, rate_per_s=rate, model=model))


@plc_app.command("map")
def plc_map(
    as_format: Annotated[
        Literal["table", "md", "csv", "st", "fb"],
        typer.Option("--format", help="csv: a tag list; st: declarations for FB_Linegate; fb: that block itself."),
    ] = "table",
    profile: Annotated[Literal["words", "bits"], typer.Option(help="The station's plc.profile.")] = "words",
) -> None:
    """Print the register map.  Example: linegate plc map --format csv > linegate.csv"""
    with exit_on_error():
        from agent.plc.map.table import print_map

        print_map(as_format, profile)


def run_command() -> None:
    """Run what the command line asks for, and exit; bad arguments are one line too."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what matters of it we say ourselves
    try:
        with exit_when_output_breaks():
            sys.exit(app(prog_name="linegate", standalone_mode=False))
    except TyperException as error:
        if message := error.format_message():  # empty: the help was printed
            command = context.command_path if (context := getattr(error, "ctx", None)) else "linegate"
            print(f"error: {message.rstrip('.')}: see '{command} --help'", file=sys.stderr)
        sys.exit(UsageError.exit_code)
    except typer.Abort:  # what typer makes of Ctrl-C before the command has begun
        raise KeyboardInterrupt from None
