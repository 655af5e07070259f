# The project's verbs. Each does its own set-up: Python 3.11+ and make are all it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test lint types view clean

run: $(VENV)/.run          ## the whole way on the embedded synthetic click log
	$(BIN)/dagsmith search --data synthetic --space nasrec-small --out runs/synthetic

test: $(VENV)/.dev         ## all tests
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev view
	$(BIN)/mypy

# Type checkers do not follow editable installs: give them the import tree as links.
view:
	mkdir -p .view/dagsmith
	for file in api/*.py api/py.typed; do ln -sfn ../../$$file .view/dagsmith/$$(basename $$file); done
	for room in space data hardware supernet predictor search; do ln -sfn ../../$$room .view/dagsmith/$$room; done

$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.run
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) .view build dist *.egg-info
