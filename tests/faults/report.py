"""What the fault tests have measured, as a table at the end of the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Finding:
    """One line of the table; None = does not apply."""

    test: str
    triggers: int
    faults: int = 0
    escapes: int = 0
    duplicates: int = 0
    no_decision: float | None = None
    """Share of all parts."""
    outage: float | None = None
    """Share of the parts that a fault touched."""
    recovery_ms: list[float] = field(default_factory=list)
    note: str = ""


HEAD = ("test", "triggers", "faults", "escapes", "duplicates", "no decision", "outage", "recovery p50", "max", "")


def table(findings: list[Finding]) -> Iterator[str]:
    """Lines of text, columns aligned."""
    lines = [HEAD, *(_cells(finding) for finding in findings)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    for line in lines:
        yield "  ".join(
            cell.ljust(width) if column in (0, len(HEAD) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()


def _cells(finding: Finding) -> tuple[str, ...]:
    slow = finding.recovery_ms
    return (
        finding.test,
        f"{finding.triggers:,}",
        f"{finding.faults:,}" if finding.faults else "-",
        str(finding.escapes),
        str(finding.duplicates),
        _share(finding.no_decision),
        _share(finding.outage),
        f"{median(slow):.0f} ms" if slow else "-",
        f"{max(slow):.0f} ms" if slow else "-",
        finding.note,
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


class Report:
    """Collects the findings of one run."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """One test's line."""
        self.findings.append(finding)
