"""Ways to spoil what a station is given: its file, its recipe, its model. Each alone must keep it from starting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from agent.model_contract import GoldenSample, ModelContract
from agent.model_digest import BEFORE_IT, UNSTAMPED, stamped
from tests.tiny_model import tiny_contract, write_tiny_model

Settings = dict[str, Any]
ABSENT = object()
REGION = {"x_px": 0, "y_px": 0, "width_px": 64, "height_px": 64}

VALUES: dict[str, list[Any]] = {
    "recipe": [ABSENT, 3, "", "no/such.toml", ".", "model.onnx", "a\0b", "x" * 300],
    "other_recipes": ["recipe.toml", ["recipe.toml"], ["no/such.toml"], [3]],
    "station.line": [ABSENT, "", "line 1", "lïne", 1],
    "station.name": [ABSENT, "../cam1", "cam#1"],
    "station.state_dir": [ABSENT, "", 5, "model.onnx", "model.onnx/state", "/proc/no/state", "x\0"],
    "camera.driver": [ABSENT, "simulatd", 3],
    "camera.endpoint": ["bogus", "127.0.0.1:5590", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:70000", 5],
    "trigger.mode": ["hardwar", "timer", "presence", "software", "announced", 7],
    "trigger.min_pitch_ms": [ABSENT, 0, -1, "50", True, float("nan"), float("inf"), 20, 1e9],
    "trigger.capture_window_ms": [0, 60001],
    "trigger.frame_timeout_ms": ["100 ms", -5],
    "trigger.belt_speed_mm_s": [-1, float("nan")],
    "trigger.period_ms": [100],
    "trigger.deadline_ms": [100],
    "trigger.presence": [{"min_area": 0.2}],
    "calibration.x_mm_per_px": [ABSENT, 0, -0.1, float("nan"), "0.1"],
    "calibration.file": ["recipe.toml", "no.toml"],
    "calibration.rotation_deg": [361],
    "view.rotate_deg": [45, 90],
    "view.region": [{}, REGION | {"width_px": 0}, REGION | {"x_px": -1}, "all"],
    "view.colour": ["gray"],
    "model.path": [ABSENT, "no.onnx", ".", "recipe.toml", ""],
    "model.provider": [ABSENT, "gpu", "cuda:0"],
    "model.threads": [0, 65, 2.5, "2"],
    "model.tiling": [{"overlap_px": -1}, {"scale": 0}, {"scale": 1.1}, {"overlap_px": 60}],
    "plc.host": [ABSENT, "", "10.0.0.300", "http://10.0.0.3", "10.0.0.3:502", 10],
    "plc.port": [0, 65536, "1502"],
    "plc.profile": ["word", "bits"],
    "plc.role": ["slave"],
    "plc.transport": ["rtu", "udp"],
    "plc.device_id": [-1, 248],
    "plc.combined": ["yes", 1],
    "plc.cycle_ms": [0, 300],
    "plc.scan_ms": [0, 300],
    "plc.guard_ms": [0, 1],
    "plc.decide_ms": [400],
    "plc.serial": [{"device": "/dev/ttyS0"}],
    "reject.timing": ["agent", "plcs"],
    "reject.pass_coil": [1, -1],
    "reject.fail_open": [True],
    "alarm.consecutive_rejects": [-1, 1.5],
    "publisher.results": ["bogus", "tcp://127.0.0.1", "http://127.0.0.1:80"],
    "publisher.replay": ["tcp://*", "ipc://"],
    "publisher.images": ["some"],
    "publisher.station_key": ["no.key_secret"],
    "journal.keep_days": [0],
    "journal.max_gb": [0, -1, float("inf")],
    "journal.required": ["yes"],
    "shifts.time_zone": ["Berlin", "Europe/Berln"],
    "shifts.starts": [{}, {"day": "25:00"}, {"a": "06:00", "b": "06:00"}, {"last": "06:00"}, 6],
    "archive.max_gb": [0],
    "archive.uncertain_margin": [2],
    "drift.sigmas": [1],
    "metrics.endpoint": ["9464", "127.0.0.1:0"],
}
"""By dotted key: what it must not be. Paths are in the station's folder."""
RECIPE_VALUES: dict[str, list[Any]] = {
    "name": [ABSENT, ""],
    "job": [ABSENT, 0, 65536, "1", 1.5],
    "frame.min_mean_grey": [-1, 256, "40"],
    "frame.max_saturated": [1.1],
    "classes": [ABSENT, {}, 3],
    "classes.crack": [ABSENT, 3, {"min_scor": 0.5}, {"min_score": 2}, {"min_area_mm2": -1}, {"action": "rejct"}],
    "classes.crak": [{}],
    "classes.fray": [{"max_count": -1}, {"zones": [{"x_min_mm": 5, "x_max_mm": 1, "y_min_mm": 0, "y_max_mm": 9}]}],
}
TEXTS = (b"", b"[", b"x", b"\xff\xfe\x00", b"a = 1\na = 2\n", b"a = " + b"[" * 3000, "recipe = 1".encode("utf-16"))
"""What is no station's file, and no recipe."""


def changed(settings: Settings, key: str, value: Any) -> Settings:
    """With `value` at the dotted `key`; ABSENT takes the key out."""
    changed = deepcopy(settings)
    *tables, name = key.split(".")
    table = changed
    for step in tables:
        table = table.setdefault(step, {})
    table[name] = value
    if value is ABSENT:
        del table[name]
    return changed


def spoilt_configs(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """What was done, and the station's file."""
    for key, values in VALUES.items():
        for value in values:
            yield f"{key} = {value!r}", as_toml(changed(settings, key, value)).encode()
    for table in settings:
        if isinstance(settings[table], dict):
            yield f"{table}.nonsense", as_toml(changed(settings, f"{table}.nonsense", 1)).encode()
    for table in ("station", "camera", "trigger", "calibration", "model", "plc"):
        yield f"no [{table}]", as_toml(changed(settings, table, ABSENT)).encode()
    yield from ((f"text {text[:10]!r}", text) for text in TEXTS)


def spoilt_recipes(recipe: Settings) -> Iterator[tuple[str, bytes]]:
    """What was done, and the recipe's file."""
    for key, values in RECIPE_VALUES.items():
        for value in values:
            yield f"{key} = {value!r}", as_toml(changed(recipe, key, value)).encode()
    yield from ((f"text {text[:10]!r}", text) for text in TEXTS)


def as_toml(settings: Settings) -> str:
    """Tables in tables are written as [name.inner], all else inline; every value as TOML has it."""
    flat: Settings = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value and all(isinstance(inner, dict) for inner in value.values()):
            flat |= {f"{name}.{inner}": table for inner, table in value.items()}
        else:
            flat[name] = value
    lines = [f"{key} = {inline(value)}" for key, value in flat.items() if not isinstance(value, dict)]
    for name, table in flat.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *(f"{key} = {inline(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def inline(value: Any) -> str:
    """One value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


def spoilt_models(path: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is done, and what does it to the model file at `path`."""
    sound = write_tiny_model(path).read_bytes()
    for tenth in range(10):
        yield f"{tenth}/10 of it", lambda tenth=tenth: path.write_bytes(sound[: len(sound) * tenth // 10])  # type: ignore[misc]
    digest_at = sound.index(BEFORE_IT) + len(BEFORE_IT)
    for what, content in {
        "its tail is zeros": sound[:-500] + bytes(500),
        "a byte more": sound + b"\0",
        "a digest of zeros": sound[:digest_at] + UNSTAMPED.encode() + sound[digest_at + len(UNSTAMPED) :],
        "no digest": sound.replace(BEFORE_IT, b'"digset":"'),
        "no contract": stamped(sound.replace(b"linegate", b"linegone")),
    }.items():
        yield what, lambda content=content: path.write_bytes(content)  # type: ignore[misc]
    yield "not valid", lambda: write_tiny_model(path, valid=0)
    yield "other answers", lambda: write_tiny_model(path, expected_px=500)
    for what, contract in _contracts():
        yield f"contract: {what}", lambda contract=contract: write_tiny_model(path, contract=contract)  # type: ignore[misc]


def _contracts() -> Iterator[tuple[str, str]]:
    """All of them with a place for the file's digest, so that it is the contract that is refused."""
    sound = tiny_contract()
    document = json.loads(sound.model_dump_json())
    yield "no JSON", sound.model_dump_json().removesuffix("}")
    yield "a list", f"[{sound.model_dump_json()}]"
    for what, changed_document in _documents(sound, document):
        yield what, json.dumps(changed_document, separators=(",", ":"))


def _documents(sound: ModelContract, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, value in {
        "schema_version": 2,
        "classes": ["background"],
        "thresholds": {"crack": 0.5},
        "golden": [],
        "opset": "new",
        "precision": "int3",
        "nonsense": 1,
    }.items():
        yield f"{key} = {value}", document | {key: value}
    for name in document:
        if name not in ("schema_version", "digest"):
            yield f"no {name}", {key: value for key, value in document.items() if key != name}
    for key, size in (("height_px", 32), ("width_px", 128), ("channels", 3), ("batch", 2), ("height_px", 0)):
        spec = document["input"] | {key: size}
        yield f"input.{key} = {size}", document | {"input": spec}
    for sample in (
        GoldenSample(name="torn", png_base64="QUJD", areas_px=sound.golden[0].areas_px, tolerance_px=2),
        GoldenSample(name="no base64", png_base64="%%%", areas_px=sound.golden[0].areas_px, tolerance_px=2),
        GoldenSample(name="other class", png_base64=sound.golden[0].png_base64, areas_px={"rust": 1}, tolerance_px=2),
    ):
        yield f"golden: {sample.name}", document | {"golden": [sample.model_dump()]}
    elsewhere = {key: value for key, value in document.items() if key != "digest"}
    yield "digest elsewhere", elsewhere | {"producers": {"digest": UNSTAMPED}}
    yield "digest too long", document | {"digest": UNSTAMPED + "0"}


@contextmanager
def flipped(path: Path, place: int, bit: int) -> Iterator[None]:
    """One bit of the file is another meanwhile."""
    _flip(path, place, bit)
    yield
    _flip(path, place, bit)


def _flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))
