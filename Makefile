# The project's verbs. Each does its own set-up: Python 3.11 or newer and make are all it needs.
PYTHON ?= python3
VENV ?= .venv
OUT ?= runs/synthetic
BIN := $(VENV)/bin

.PHONY: help run test lint format types view wheel clean

help:                      ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

run: $(VENV)/.run          ## the whole way on the embedded synthetic click log
	$(BIN)/dagsmith search --data synthetic --space nasrec-small --out $(OUT) \
		--rows 80000 --trials 100 --top 2 --scratch-seeds 2 --truth 4

# One OpenMP thread per test process: they share the cores, and more threads would only wait.
test: $(VENV)/.dev         ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/.dev         ## style, by rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev       ## style, mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev view   ## types, strictly
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests
	MYPYPATH=.view:benchmarks $(BIN)/mypy benchmarks/*.py

# Type checkers do not follow editable installs: give them the import tree as links.
view:                      ## links for the type checker
	@mkdir -p .view/dagsmith
	@find .view -type l -delete
	@for file in api/*.py api/py.typed; do \
		ln -sfn ../../$$file .view/dagsmith/$$(basename $$file); done
	@for room in space data hardware supernet predictor search; do \
		ln -sfn ../../$$room .view/dagsmith/$$room; done

wheel: $(VENV)/.dev        ## dist/*.whl
	$(BIN)/python -m build --wheel

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; say make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

clean:                     ## forget everything that can be made again, but not runs/
	rm -rf $(VENV) .view build dist *.egg-info
