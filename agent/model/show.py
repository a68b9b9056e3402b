"""`linegate model show` and `linegate model verify`: what one model file says, and whether it runs right here."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from agent.model_contract import Provider
from agent.segmenter import Segmenter


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
        f"{path}: {len(segmenter.contract.golden)} golden samples within tolerance on {provider}, "
        f"{segmenter.bare_ms:.1f} ms a run at the median",
        style="green",
        soft_wrap=True,
    )
