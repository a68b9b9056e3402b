"""`linegate check`: its arguments and its help."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agent.arguments import StationFile
from agent.errors import ConfigError, exit_on_error


def check(
    config: StationFile,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: every problem with file, line and key.")
    ] = False,
) -> None:
    """Everything that can be known of a station without its hardware.  Example: linegate check config/line.toml

    Every mistake of the file, its recipes, calibration, keys and model, each with its line. Exit 78 when the station
    would not start; warnings alone are exit 0.
    """
    with exit_on_error():
        from agent.check.check import check_config
        from agent.check.report import print_json, print_report
        from agent.problem import Problem

        try:
            checked = check_config(config)
        except ConfigError as error:
            if not as_json:
                raise
            print_json(config, [getattr(error, "problem", Problem(config, 1, "", str(error)))])
            sys.exit(ConfigError.exit_code)
        print_json(config, checked.problems.sorted()) if as_json else print_report(checked)
        if checked.problems.errors:
            sys.exit(ConfigError.exit_code)
