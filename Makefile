# Two commands for a newcomer: `make demo` (simulated line, no hardware, no torch) and `make test`.
.ONESHELL:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := $(shell sed -n 's/^uv==//p' constraints.txt)
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable

.PHONY: demo test faults soak lint style train folds bench install wheels help

help:
	@echo "make demo    the simulated line: PLC, belt, camera, station, summary (IMAGES=folder for real photos)"
	echo "make test    set up everything, all checks and tests"
	echo "make faults  the fault tests in full, long, with a table at the end (SEED=n repeats a run)"
	echo "make soak    the simulated line for hours, everything on, held to limits (HOURS=1 RATE=20); report in soak/"
	echo "make lint    ruff, mypy, import rules"
	echo "make train   the pipeline: data, training, evaluation, export, verification (dvc repro)"
	echo "make folds   cross-validation: a short training on each of five folds, pooled into reports/folds"
	echo "make bench   latency of the deadline path on this machine"
	echo "make install the service (sudo; ARGS=--dry-run says what it would do)"
	echo "make wheels  all that an installation without network needs, in wheels/ (EXTRAS=aravis,cuda)"

demo: .venv/agent
	@$(BIN)/linegate demo $(if $(IMAGES),--images "$(IMAGES)")

bench: .venv/agent
	@$(BIN)/linegate bench

install:
	@systemd/install $(ARGS)

# For the same Python as the one that runs it: wheels of C libraries are made for one version.
wheels: .venv/uv
	@rm -rf wheels
	$(if $(findstring aravis,$(EXTRAS)),.ci/system-packages aravis)
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --constraint constraints.txt --wheel-dir wheels \
		uv==$(UV_VERSION) .$(if $(EXTRAS),[$(EXTRAS)])
	echo "== wheels: $$(ls wheels | wc -l) files, $$(du -sh wheels | cut -f1): systemd/install --wheels wheels"

train: .venv/all
	@PATH="$$PWD/$(BIN):$$PATH" $(BIN)/dvc repro

folds: .venv/all
	@PATH="$$PWD/$(BIN):$$PATH" $(BIN)/dvc repro trainer/folds/dvc.yaml

lint: style
	@echo "== lint: mypy, import rules"
	$(TYPES)

style: .venv/all
	@echo "== lint: ruff"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

TYPES := $(BIN)/mypy && $(BIN)/lint-imports --no-cache
# These tests compute and have no deadline: they take what others leave of the machine, and nothing else.
PATIENT := tests/trainer tests/export

test: style
	@echo "== tests, three at a time: most of them wait"
	export PATH="$$PWD/$(BIN):$$PATH"
	$(BIN)/python -m pytest $(PATIENT:%=--ignore=%) -m "not faults and not alone" -n 3 --no-loadscope-reorder
	said=$$(mktemp)
	set -m
	chrt -i 0 nice -n 19 bash -c '$(TYPES) && $(BIN)/python -m pytest $(PATIENT) -n 2' >"$$said" 2>&1 &
	set +m
	beside=$$!
	trap 'kill -- -$$beside 2>/dev/null || true; rm "$$said"' EXIT
	trap 'exit 130' INT
	echo "== tests that need the machine for themselves; types, trainer and export give way to them"
	passed=yes
	$(BIN)/python -m pytest -m "alone and not faults" || passed=
	wait $$beside || passed=
	echo "== lint: mypy, import rules; tests of trainer and export"
	cat "$$said"
	[[ $$passed ]]
	echo "== make test: lint and tests passed"

faults: .venv/all
	@seed=$(or $(SEED),$$RANDOM)
	echo "== fault tests in full: seed $$seed"
	trap 'echo "== make faults took $$((SECONDS / 60)) min"' EXIT
	LINEGATE_FAULT_SEED=$$seed PATH="$$PWD/$(BIN):$$PATH" $(BIN)/python -m pytest -m faults

soak: .venv/all
	@exec $(BIN)/python -m tests.soak --hours $(or $(HOURS),1) --rate $(or $(RATE),20) --out $(or $(OUT),soak)

# --- set-up: the agent alone is what a line computer needs; the rest is for training and tests ---------------------

.venv/uv: constraints.txt
	@echo "== set-up: virtual environment in .venv"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed, found $$($(PYTHON) -V): make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv || { echo "error: no venv module: apt-get install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

.venv/agent: .venv/uv pyproject.toml
	@echo "== set-up: the agent (no torch); the ONNX Runtime wheel is about 256 MB"
	.ci/system-packages run
	$(INSTALL) .
	touch $@

.venv/all: .venv/uv pyproject.toml
	@echo "== set-up: agent, trainer and test tools; torch and its libraries are about 3 GB"
	.ci/system-packages run test
	$(INSTALL) '.[trainer,dev]'
	touch $@ .venv/agent
