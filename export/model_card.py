"""models/MODEL_CARD.md: what whoever takes the model has to know, from the file itself and the reports of its run."""

from __future__ import annotations

import json
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import jinja2

from agent.errors import ConfigError
from agent.model_contract import FULL, ModelContract, Precision
from export.model_file import SHIPPED, shipped
from trainer.cost import gmac
from trainer.folds.by_fold import COLUMNS, by_fold
from trainer.folds.subject import subject
from trainer.model import SegmentationModel
from trainer.params import Params
from trainer.run import SHIPPED_RUN
from trainer.split_table import SIDES, read_split
from trainer.tiles import GOOD
from trainer.weights_file import PACKAGE

TEMPLATE = "model_card.md.j2"
SUMMARY, FOLDS, SOURCE = "summary.json", Path("reports/folds/summary.json"), Path("data/source.json")
FEW_GROUPS = 15
"""Below, an interval would only seem to say something."""
PUBLIC = "Magnetic-tile-defect-datasets"
"""In the address of every copy of the public archive."""
Scores = dict[str, Any]


def model_card(
    contract: ModelContract,
    sha256: dict[Precision, str],
    model: SegmentationModel,
    params: Params,
    verified: dict[Precision, Scores],
) -> str:
    """Markdown. `contract` is the FP32 file's; `sha256` and `verified`, stage verify's report, are by precision.

    ConfigError: another report is missing.

    The folds' results, and the leaky ones, are told when reports/folds/summary.json is there and about this network on
    these photos.
    """
    found = read_report(SHIPPED_RUN.reports / SUMMARY)
    folds = read_report(FOLDS) if FOLDS.exists() else {}
    if folds.get("subject") != subject(params):
        folds = {}
    source = read_report(SOURCE)
    leaky = next((scores for title, scores in folds.items() if title.startswith("leaky")), None)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(TEMPLATE).render(
        name=SHIPPED.name,
        fp32=FULL,
        files={precision: shipped(precision).relative_to(SHIPPED.parent) for precision in sha256},
        sha256=sha256,
        contract=contract,
        classes=params.classes,
        labels=(*params.classes, GOOD),
        spec=contract.input,
        model=params.model,
        weights=_weights(params.model.encoder_weights),
        gmac=gmac(model.network, model.spec),
        data=_data(),
        source=source,
        public=PUBLIC in source["url"],
        procedural_share=params.sampling.procedural_share,
        overkill=params.evaluate.overkill,
        pixel_level=found["pixel_level"],
        mm_per_px=params.evaluate.mm_per_px,
        test=found["test"],
        procedural=found.get("procedural"),
        folds=folds,
        leaky=leaky and leaky["pixel"]["micro"]["seed_protocol"],
        few=FEW_GROUPS,
        verified=verified,
        rate=_rate,
        table=_table,
        numbers=_numbers,
        curve=_curve,
        each=_each,
        confusion=_confusion,
    )


def read_report(path: Path) -> Scores:
    """One of the pipeline's JSON reports; ConfigError when it is not there."""
    try:
        found: Scores = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: {error}: the model card needs it: run 'dvc repro evaluate'") from error
    return found


def _weights(source: str | None) -> str:
    """With the licence, as far as a package tells."""
    if source is None:
        return "random weights"
    if not source.startswith(PACKAGE):
        return f"`{source}`; look up their licence there"
    package = source.removeprefix(PACKAGE).split("/")[0].replace("_", "-")
    try:
        brought = distribution(package)
    except PackageNotFoundError:
        return f"`{source}`; look up their licence there"
    licences = [file for file in brought.files or () if file.name.upper().startswith("LICEN")]
    licence = next(
        (line.strip() for file in licences for line in file.read_text().splitlines() if line.strip()), "not told"
    )
    return f"weights trained on ImageNet, from the package {package} {brought.version}; its licence: {licence}"


def _data() -> Scores:
    """Photos and physical tiles of each label on each side of the shipped model's split."""
    rows = {side: read_split(SHIPPED_RUN.split, side) for side in SIDES}
    everything = [row for its in rows.values() for row in its]
    sides: dict[str, dict[str, str]] = {}
    for side, its in rows.items():
        cells: dict[str, str] = defaultdict(lambda: "0 / 0")
        for label in {row.label for row in its}:
            shown = [row for row in its if row.label == label]
            cells[label] = f"{len(shown)} / {len({row.group for row in shown})}"
        sides[side] = cells
    groups = defaultdict(set)
    for row in everything:
        groups[row.label].add(row.group)
    return {
        "photos": len(everything),
        "groups": len({row.group for row in everything}),
        "sides": sides,
        "defect_groups": {label: len(its) for label, its in groups.items() if label != GOOD},
    }


def _numbers(of_class: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in of_class.items())


def _table(found: Scores) -> str:
    """A line a class: k of n photos and groups, interval, AUROC, Dice and IoU."""
    part, pixel = found["part"], found["pixel"]
    lines = [
        "| | found, photos | tiles without an escape | recall, 95 % interval | AUROC | Dice | IoU |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, share in part["recall"].items():
        auroc = part["auroc"].get(name, {}).get("value")
        scores = pixel["micro"]["defect"] if name == "all" else pixel["per_class"].get(name, {})
        cells = [_number(auroc), _number(scores.get("dice")), _number(scores.get("iou"))]
        counts = f"{share['photos']} of {share['of_photos']} | {share['groups']} of {share['of_groups']}"
        lines.append(f"| {name} | {counts} | {_rate(share)} | {' | '.join(cells)} |")
    lines.append(
        "\nDice and IoU: mean over the photos of the class; in the line `all`, every photo's pixels at once, defect"
    )
    lines.append("against the rest.")
    if "overkill" in part:
        lost = part["overkill"]
        lines.append(
            f"\n**Overkill**: {lost['photos']} of {lost['of_photos']} good photos, of {lost['groups']} of "
            f"{lost['of_groups']} tiles: {_rate(lost)}."
        )
    return "\n".join(lines)


def _curve(found: Scores) -> str:
    """A line a point: overkill allowed and measured, then the recall of each class."""
    points = [point for point in found["curve"] if "overkill" in point]
    if not points:
        return "(no good tiles)"
    names = list(points[0]["recall"])
    lines = [f"| allowed | overkill | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for point in points:
        recalls = " | ".join(f"{share['photos']}/{share['of_photos']}" for share in point["recall"].values())
        lines.append(f"| {point['allowed']:.1%} | {point['overkill']['value']:.1%} | {recalls} |")
    return "\n".join(lines)


def _each(folds: Scores) -> str:
    """A line a fold."""
    lines = [" | ".join(COLUMNS), "|".join(["---"] * len(COLUMNS)), *map(" | ".join, by_fold(folds))]
    return "\n".join(f"| {line} |" for line in lines)


def _confusion(found: Scores) -> str:
    counts = found["confusion"]
    called = sorted({name for of_label in counts.values() for name in of_label})
    lines = [f"| | {' | '.join(called)} |", "|---" * (len(called) + 1) + "|"]
    lines += [
        f"| {label} | {' | '.join(str(of_label.get(name, 0)) for name in called)} |"
        for label, of_label in counts.items()
    ]
    return "\n".join(lines)


def _rate(share: Scores) -> str:
    """With its interval, where there are groups enough for one."""
    if share["of_groups"] < FEW_GROUPS:
        return f"{share['value']:.1%}"
    return f"{share['value']:.1%} ({share['low']:.1%}–{share['high']:.1%})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
