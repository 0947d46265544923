# Every target sets up .venv by itself. Needs Python 3.11 or newer and make, nothing else: no PostgreSQL, root or not.

PYTHON ?= python3
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --constraint constraints.txt \
          --generate-hashes --no-annotate --custom-compile-command 'make lock'

# An active virtual environment or a host's Python settings must not leak into ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help venv check format test chaos bench demo dist-check lock db-reset ci clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make the virtual environment

# Exactly what the lock names, by its hashes; then this checkout, built by what came with it.
$(STAMP): pyproject.toml requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "socialcron needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet --require-hashes --requirement requirements-dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(PIP) check >/dev/null || { $(PIP) check; echo "pyproject.toml asks for more than requirements-dev.lock has; run: make lock"; exit 1; }
	@touch $@

check: venv ## Formatting, lint, strict types, known weaknesses, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive socialcron
	$(BIN)/python -m pytest -q tests/unit/test_import_directions.py

format: venv ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: venv ## The whole suite, on an embedded PostgreSQL of its own; ARGS="-k name" narrows it
	$(BIN)/python -m pytest -n 2 $(ARGS)

chaos: venv ## Every crash point, a week of 10,000 posts, a random run of CHAOS_MINUTES (10)
	CHAOS_FULL=1 CHAOS_MINUTES=$(or $(CHAOS_MINUTES),10) $(BIN)/python -m pytest -n 2 --dist worksteal tests/chaos $(ARGS)

bench: venv ## Measure the budgets
	$(BIN)/python -m tests.bench $(ARGS)

demo: venv ## Publish sample posts to the local sandbox, with a PostgreSQL of its own
	@$(BIN)/python -m tests.demo $(ARGS)

dist-check: venv ## Build the wheel and look inside
	$(BIN)/python -m pytest tests/unit/test_wheel.py $(ARGS)

lock: ## Renew the hashes after a change of pyproject.toml or constraints.txt
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(PIP) install --quiet --constraint constraints.txt uv; }
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) --all-extras pyproject.toml --output-file requirements-dev.lock

db-reset: venv ## Delete everything in DATABASE_URL or the embedded database, then migrate: needs SURE=yes
	@test "$(SURE)" = yes || { echo "This deletes every account and post. Run: make db-reset SURE=yes"; exit 1; }
	$(BIN)/python -c "from socialcron.settings import Settings; from socialcron.store.engine import Database; \
	    Database.connect(Settings.load()).connection.execute('DROP SCHEMA IF EXISTS socialcron CASCADE')"
	$(BIN)/socialcron db migrate

ci: check test ## What CI runs (.ci/run adds a second PostgreSQL)

clean: ## Remove what the other targets made
	@test ! -e .demo || $(BIN)/python -m tests.demo --clean
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache
