# Every target sets itself up in .venv, from Python 3.11 or newer and pip's configured index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
# Each worker has servers of its own, so that neighbours share them; who is done first takes over.
TWO := -n 2 --dist worksteal
LOCK := $(BIN)/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run examples test test-slow test-kill check bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Start all services, until Ctrl-C (ARGS="..." goes to `rollcall up`)
	@$(BIN)/rollcall up $(ARGS)

examples: $(VENV)/.run ## Run the examples, one after another
	@set -e; for example in examples/[0-9]*.py; do \
		printf '\n== %s\n' "$$example"; $(BIN)/python "$$example"; done

test: $(VENV)/.dev ## Run the tests, without the slow ones (ARGS="..." goes to pytest)
	@$(BIN)/python tools/provision.py
	$(BIN)/python -m pytest $(TWO) -rs -m "not slow and not kill and not bench" $(ARGS)

test-slow: $(VENV)/.dev ## Run the slow tests, which repeat others at full size (ARGS="..." goes to pytest)
	@$(BIN)/python tools/provision.py
	$(BIN)/python -m pytest $(TWO) -rs -m "slow and not kill and not bench" $(ARGS)

test-kill: $(VENV)/.dev ## Run the long tests that kill processes (ARGS="..." goes to pytest)
	@$(BIN)/python tools/provision.py
	$(BIN)/python -m pytest -m kill -rP $(ARGS)

check: $(VENV)/.dev ## Check style, types, layers and house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python tools/house_rules.py

bench: $(VENV)/.dev ## Measure, side by side (ARGS="..." goes to bench/run.py)
	@$(BIN)/python tools/provision.py
	$(BIN)/python bench/run.py $(ARGS)

lock: $(VENV)/.dev ## Pin what pyproject.toml asks for (ARGS=--upgrade takes the newest)
	$(LOCK) pyproject.toml --group dev --all-extras --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --group build --extra server --constraint requirements/dev.txt \
		--output-file requirements/run.txt
	$(LOCK) bench/requirements.in --constraint requirements/dev.txt \
		--output-file bench/requirements.txt
	$(LOCK) tools/bigquery.in --output-file tools/bigquery.txt

clean: ## Remove the environment and everything that was built or cached
	rm -rf $(VENV) bench/.venv build dist .hypothesis .import_linter_cache .pytest_cache .ruff_cache .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Rollcall needs Python 3.11 or newer, and '$(PYTHON)' is not: make PYTHON=python3.11" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo "'$(PYTHON)' has no venv module: install it (Debian: apt-get install python3-venv)" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)

# The project itself is installed in place; its build backend is pinned like everything else.
$(VENV)/.run: $(VENV)/pyvenv.cfg requirements/run.txt pyproject.toml
	$(PIP) install --require-hashes --requirement requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@
