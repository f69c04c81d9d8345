# Everything is done in .venv, which is made when it is missing and renewed when the requirements change.

PYTHON ?= python3
BIN := .venv/bin
FLASK := $(BIN)/flask --app wsgi
READY := .venv/.ready
ASSETS := static/vendor/.ready

# Flask would advise to install a package for .env, which is read here.
export FLASK_SKIP_DOTENV := 1

# Settings of this machine: see .env.example. What the environment itself sets, wins.
define load_env
[ ! -f .env ] || { given=$$(export -p); set -a; . ./.env; set +a; eval "$$given"; };
endef

.DEFAULT_GOAL := help
.PHONY: help run serve setup test lint types bench soak clean

help: ## Show what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: setup ## Run the product with a demo fleet; Ctrl-C stops it
	@$(load_env) exec $(FLASK) serve --demo

serve: setup ## Run the product without the demo fleet
	@$(load_env) exec $(FLASK) serve

setup: $(READY) $(ASSETS) ## Make .venv and install what is needed

test: setup ## Run all tests, PostgreSQL and browser included
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: setup ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Check types
	$(BIN)/mypy

bench: setup ## Measure what the promises say in numbers, in half an hour: docs/benchmarks.md
	$(BIN)/python -m bench.recorder
	$(BIN)/python -m bench.relay --runs 3
	$(BIN)/python -m bench.latency
	$(BIN)/python -m bench.redaction
	$(BIN)/python -m bench.fleet --containers 500 --seconds 20
	$(BIN)/python -m bench.migrations --rounds 10
	$(BIN)/python -m bench.rollout --containers 200
	$(BIN)/python -m bench.outage 20
	$(BIN)/python -m bench.search
	$(BIN)/python -m bench.statistics
	$(BIN)/python -m bench.viewers
	$(BIN)/python -m bench.pages

soak: setup ## Prove for an hour what the tests prove in minutes; SOAK="--kills 5 --outage 0" for less
	$(BIN)/python -m tests.soak $(SOAK)

clean: ## Remove what setup made; the data in var/ stays
	rm -rf .venv static/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): requirements.txt requirements-dev.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making .venv and installing the requirements (some minutes at the first time) ..."
	@$(PYTHON) -m venv .venv || \
	    { echo "The module venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(ASSETS): requirements-assets.txt | $(READY)
	@echo "Installing htmx ..."
	@rm -rf static/vendor && mkdir -p static/vendor/wheel
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	    --target static/vendor/wheel -r requirements-assets.txt
	@cp static/vendor/wheel/django_htmx/static/django_htmx/htmx-2.min.js static/vendor/htmx.min.js
	@cp static/vendor/wheel/django_htmx/static/django_htmx/ext/hx-ws-2.min.js static/vendor/ws.min.js
	@rm -rf static/vendor/wheel && touch $@
