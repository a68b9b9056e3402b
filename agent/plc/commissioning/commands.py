"""`linegate plc probe` and `linegate plc accept`: before a station is let loose on a customer's PLC."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.arguments import StationFile, person
from agent.errors import UsageError, exit_on_error


def probe(
    host: Annotated[str | None, typer.Argument(help="The PLC's address.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Modbus TCP port.")] = 502,
    device_id: Annotated[int, typer.Option(min=0, max=247, help="Modbus device id (unit id).")] = 1,
    config: Annotated[Path | None, typer.Option(help="A station's file instead: its address, line and times.")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long to watch the PLC.")] = 3.0,
    write_test: Annotated[
        bool, typer.Option("--write-test", help="Also write the agent's block, with STATUS = 0: no part can pass.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Findings and figures as JSON.")] = False,
) -> None:
    """What is right and wrong with a PLC; reads only.  Example: linegate plc probe 192.168.10.20"""
    with exit_on_error():
        import asyncio

        from agent.config import load_config
        from agent.plc.commissioning.probe import probe as probe_plc
        from agent.plc.commissioning.probe_report import print_json, print_probed
        from agent.plc_config import PlcConfig

        if (host is None) == (config is None) or host == "":
            raise UsageError("give either the PLC's address or --config FILE: linegate plc probe 192.168.10.20")
        if host and host.count(":") == 1:
            raise UsageError(f"{host}: the port goes to --port: linegate plc probe {host.replace(':', ' --port ')}")
        plc = load_config(config).plc if config else PlcConfig(host=host or "", port=port, device_id=device_id)
        probed = asyncio.run(probe_plc(plc, seconds, write_test))
        (print_json if as_json else print_probed)(probed)
        sys.exit(0 if probed.good else 1)


def accept(
    config: StationFile,
    engineer: Annotated[str, typer.Option(help="Who runs it, for the report.", callback=person)],
    report: Annotated[Path, typer.Option(help="FILE.md; FILE.json is written beside it.")],
    parts: Annotated[int, typer.Option(min=3, max=10_000, help="Parts with a verdict each.")] = 50,
    customer: Annotated[str, typer.Option(help="Who accepts it, for the report.")] = "",
    unattended: Annotated[bool, typer.Option("--unattended", help="Leave out what needs hands at the PLC.")] = False,
    plc_counts: Annotated[str | None, typer.Option(help="The PLC's own counters: passed,rejected,no_decision.")] = None,
    waive: Annotated[str, typer.Option(help="Steps that both sides do without: h,i1. The report says so.")] = "",
) -> None:
    """Site acceptance of a PLC.  Example: linegate plc accept line.toml --engineer "A. Roe" --report sat.md"""
    with exit_on_error():
        import logging

        from agent.plc.commissioning.accept import AcceptOptions
        from agent.plc.commissioning.accept import accept as accept_plc
        from agent.plc.commissioning.accept_operator import parse_counts

        logging.disable(logging.CRITICAL)
        counts = parse_counts(plc_counts) if plc_counts else None
        waived = tuple(key.strip() for key in waive.split(",")) if waive else ()
        passed = accept_plc(AcceptOptions(config, parts, engineer, customer, report, unattended, counts, waived))
        sys.exit(0 if passed else 1)
