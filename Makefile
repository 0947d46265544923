# Every target sets up .venv by itself. Needs Python 3.11 or newer and make, nothing else: no PostgreSQL, root or not.

PYTHON ?= python3
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
STAMP  := $(VENV)/.installed

# An active virtual environment or a host's Python settings must not leak into ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help venv check format test chaos bench demo dist-check db-reset ci clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make the virtual environment

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "socialcron needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --editable '.[embedded,dev]'
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

db-reset: venv ## Delete everything in DATABASE_URL or the embedded database, then migrate: needs SURE=yes
	@test "$(SURE)" = yes || { echo "This deletes every account and post. Run: make db-reset SURE=yes"; exit 1; }
	$(BIN)/python -c "from socialcron.settings import Settings; from socialcron.store.engine import Database; \
	    Database.connect(Settings.load()).connection.execute('DROP SCHEMA IF EXISTS socialcron CASCADE')"
	$(BIN)/socialcron db migrate

ci: check test ## What CI runs (.ci/run adds a second PostgreSQL)

clean: ## Remove what the other targets made
	@test ! -e .demo || $(BIN)/python -m tests.demo --clean
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache
