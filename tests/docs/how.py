"""How each command of the documents is run: where, until when, how much shorter; and which ones other tests run."""

from __future__ import annotations

import re

PLACES = {
    r"^linegate run config/demo_server": "server",
    r"^linegate run config/(demo|gige_demo|presence|timer)": "demo",
    r"^linegate (trigger|clear)\b": "software",
    r"^linegate keys|^mkdir -p keys|^cp hmi-keys": "key files",
    r"^linegate watch .*--station-key": "keys",
    r"systemctl (?!edit)|^journalctl|^runuser -u linegate -- linegate (check|report|collect)|^install -o"
    r"|/var/backups|^(rm -f|du -xsh|df -h) /var": "service",
    r"^linegate (watch|challenge|pause|resume|job|snapshot|relearn|report|collect|journal|doctor)\b"
    r"|^linegate model (install|history)|^curl|^ss ": "station",
}
"""Where: the first that is found; else `machine`: PLC, camera and a moving belt, and no station.

`service`: test_service_commands.py; all others: test_commands.py.
"""

PROMISES = {
    r"^linegate (plc|camera) sim": "type 'help'",
    r"\blinegate run\b": "READY",
    r"^linegate watch .*--json": r"\d",
    r"^linegate watch": "part |watching",
    r"in subscribe\(": "pass",
}
"""Commands that run for ever, and what each has said when it has done what it is for."""

SHORTER = {
    "--seconds 60": "--seconds 1",
    "--seconds 20": "--seconds 1",
    "--seconds 3600": "--seconds 1",
    "linegate plc probe": "linegate plc probe --seconds 0.5",
    "linegate doctor": "linegate doctor --seconds 0.5",
    "linegate plc sim": "linegate plc sim --parts 20",
    "journalctl -fu": "journalctl -u",
}

BEFORE = {
    r"^linegate keys new cam1": "rm -rf keys",
    r"^linegate calibrate plane.png": "cp -f $WORLD/target.png plane.png",
    r"--parquet parts.parquet": "rm -f parts.parquet",
    r"-o (plane|frame|now).png": "rm -f plane.png frame.png now.png now.mask.png",
}
"""What a person does with hands."""

SETS_UP = "it sets up an environment, from a package index"
TRAINS = "it trains"
NEEDS_A_MODEL = "it needs a repository whose pipeline has run"
NEEDS_S3 = "it needs an S3 server"
HANDS = "it asks for hands at the PLC"
ELSEWHERE = {
    "make demo": ("tests/faults/test_line.py", SETS_UP),
    "make test": ("", "none can: it runs all tests, this one too"),
    "make soak HOURS=1 RATE=20": ("tests/soak/test_soak.py", "it takes the hour"),
    "systemd/install --dry-run": ("tests/service/test_install_running.py", SETS_UP),
    ".venv/bin/uv pip install --constraint constraints.txt --editable '.[aravis]'": (
        "",
        "none does, as it sets up an environment; tests/cameras/test_aravis.py uses what it installs",
    ),
    "cd docs/examples && npm install --omit=dev --no-package-lock": ("tests/results/test_node_subscriber.py", SETS_UP),
    "node docs/examples/subscriber.mjs --results tcp://127.0.0.1:5556 --replay tcp://127.0.0.1:5557 --since 0": (
        "tests/results/test_node_subscriber.py",
        "it needs what npm has installed",
    ),
    "linegate bench": ("tests/faults/test_line.py", "it measures for 30 s"),
    'linegate plc accept config/line.toml --engineer "R. Diaz" --report acceptance.md': (
        "tests/plc/test_accept.py",
        HANDS,
    ),
    'linegate plc accept /etc/linegate/line1.toml --engineer "R. Diaz" --customer "Acme" --report acceptance.md': (
        "tests/plc/test_accept.py",
        HANDS,
    ),
    "dvc exp run -S data.url=https://github.com/abin24/Magnetic-tile-defect-datasets./archive/refs/heads/master.zip": (
        "tests/export/test_pipeline.py",
        TRAINS,
    ),
    "dvc exp run -S data.url=/path/to/master.zip": ("tests/export/test_pipeline.py", TRAINS),
    "make train": ("tests/export/test_pipeline.py", TRAINS),
    "make folds": ("tests/trainer/test_folds.py", TRAINS),
    "git add --update": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    'git commit -m "New model"': ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    'linegate model install /etc/linegate/line1.toml models/magnetic_tile.onnx --who "R. Diaz"': (
        "tests/model/test_bad_models.py",
        "the new model is on trial for 50 parts",
    ),
    "dvc repro": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc metrics diff HEAD~1 --no-path": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc exp run -S preset=gpu": ("tests/trainer/test_params.py", TRAINS),
    "dvc exp run -S train.devices=2 -S train.strategy=ddp": ("tests/trainer/test_training.py", TRAINS),
    "dvc exp run -n faster -S train.lr=0.004": ("tests/export/test_pipeline.py", TRAINS),
    "dvc exp run --queue -n fast -S train.lr=0.003": ("tests/export/test_pipeline.py", TRAINS),
    "dvc exp run --queue -n slow -S train.lr=0.001": ("tests/export/test_pipeline.py", TRAINS),
    "dvc exp run --run-all": ("tests/export/test_pipeline.py", TRAINS),
    "dvc queue status": ("tests/export/test_pipeline.py", TRAINS),
    "dvc exp run -S evaluate.overkill=0.02": ("tests/export/test_pipeline.py", TRAINS),
    "dvc exp run -n strict -S evaluate.overkill=0.02": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc exp run --queue -n wide -S evaluate.overkill=0.1": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc exp run --queue -n wider -S evaluate.overkill=0.2": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc exp show --md --drop '.*' --keep "
    "'Experiment|evaluate.overkill|thresholds.crack|test.recall_all$|test.overkill$'": (
        "tests/export/test_pipeline.py",
        NEEDS_A_MODEL,
    ),
    "dvc exp show --md --drop '.*' --keep 'Experiment|train.lr|quality|test.recall_all$|test.overkill$'": (
        "tests/export/test_pipeline.py",
        NEEDS_A_MODEL,
    ),
    "dvc params diff": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc metrics diff": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc plots show": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc plots diff HEAD": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc dag --md verify": ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc remote add -d storage s3://tiles/linegate": ("tests/trainer/test_dvc_remote.py", NEEDS_S3),
    "dvc remote modify storage endpointurl https://s3.example.com": ("tests/trainer/test_dvc_remote.py", NEEDS_S3),
    "git add .dvc/config": ("tests/trainer/test_dvc_remote.py", NEEDS_S3),
    "dvc push": ("tests/trainer/test_dvc_remote.py", NEEDS_S3),
    'git tag -a magnetic-tile@v1.0.0 -m "Line 1, week 48"': ("tests/export/test_pipeline.py", NEEDS_A_MODEL),
    "dvc artifacts get https://git.example.com/tiles.git magnetic-tile": (
        "tests/export/test_pipeline.py",
        NEEDS_A_MODEL,
    ),
    'linegate model install /etc/linegate/line1.toml new.onnx --who "R. Diaz"': (
        "tests/model/test_bad_models.py",
        "the new model is on trial for 50 parts",
    ),
    'linegate model install /etc/linegate/line1.toml --previous --who "R. Diaz"': (
        "tests/model/test_bad_models.py",
        "the same, and there must be one before it",
    ),
    "linegate support-bundle /etc/linegate/line1.toml -o line1.tar.gz": (
        "tests/support/test_service_bundle.py",
        "it takes as long as doctor, and what a service has logged",
    ),
    "dvc add data/labelled/week48": ("tests/results/test_collect.py", "it needs a git repository to write to"),
    "systemctl edit linegate@line1": ("tests/service/test_drop_ins.py", "it opens an editor at a terminal"),
    "arv-tool-0.8 -a 169.254.7.9 network ip=192.168.30.10 mask=255.255.255.0 gateway=0.0.0.0": (
        "",
        "none can without a camera of metal: the simulated one has the address that it is given at its start",
    ),
    "arv-tool-0.8 -a 169.254.7.9 network mode=PersistentIP": ("", "none can: as the line before"),
}
"""Commands that are not run here: the test that does, and why not here; or "", and why none does."""


def place(command: str) -> str:
    """Where it is run; "" = elsewhere."""
    if command in ELSEWHERE:
        return ""
    return next((name for pattern, name in PLACES.items() if re.search(pattern, command)), "machine")


def promise(command: str) -> str:
    """What an endless command says when all is well; "" = it ends by itself."""
    return next((said for pattern, said in PROMISES.items() if re.search(pattern, command)), "")


def shortened(command: str) -> str:
    """The same, in less time, and what hands do before."""
    for text, shorter in SHORTER.items():
        command = command.replace(text, shorter)
    return command


def before(command: str) -> str:
    """What must be done first; "" = nothing."""
    return next((first for pattern, first in BEFORE.items() if re.search(pattern, command)), "")
