# Everything a fresh machine needs is Python 3.11 or newer (with venv) and make.
# A second run of any target does no set-up.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# uv takes the machine's own Python and certificates unless told otherwise.
UV_PYTHON_DOWNLOADS ?= never
UV_SYSTEM_CERTS ?= 1
export UV_PYTHON_DOWNLOADS UV_SYSTEM_CERTS

# The first interpreter that runs, is new enough and can make an environment. Only set-up asks.
PYTHONS := python3.13 python3.12 python3.11 python3
PYTHON_FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in $(PYTHONS); do \
	"$$name" -c '$(PYTHON_FITS)' >/dev/null 2>&1 && { command -v "$$name"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
UV_OWN := .venv-uv/bin/uv
UV ?= $(or $(shell command -v uv),$(UV_OWN))
NODE_CLIENT := tests/clients/node
JOBS ?= 2
PYTEST_ARGS ?=

# The machine's node comes first; the pinned one in the environment stands in where there is none.
export PATH := $(PATH):$(CURDIR)/$(BIN)

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do \
		printf '%-14s %s\n' "$$target" "$$text"; done

# -- what people run ---------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/serve.stamp ## run a simulated shop with Eachwise deciding in it
	@$(BIN)/eachwise demo

.PHONY: test
test: $(VENV)/dev.stamp node-client ## run every test
	@# The examples of a page follow one another, so one process runs them.
	@$(BIN)/python -m pytest -q docs README.md
	@$(BIN)/python -m pytest -q -n $(JOBS) tests $(PYTEST_ARGS)

.PHONY: check
check: lint test ## run the linters, the type checker, the layers and every test

.PHONY: lint
lint: $(VENV)/dev.stamp ## run everything of check but the tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

.PHONY: bench
bench: $(VENV)/dev.stamp ## measure what is claimed, with the peers beside it
	@$(BIN)/eachwise bench all

.PHONY: clean
clean: ## remove the environments and every cache
	@rm -rf $(VENV) .venv-uv $(NODE_CLIENT)/node_modules build dist
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# -- set-up ------------------------------------------------------------------------------------

$(UV_OWN): requirements/uv.txt
	@[ -n "$(PYTHON)" ] || { echo "$(NO_PYTHON)" >&2; exit 1; }
	@echo "set-up: uv into .venv-uv"
	@"$(PYTHON)" -m venv --clear .venv-uv
	@.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

NO_PYTHON := Eachwise needs Python 3.11 or newer with the venv module, and none of $(PYTHONS) is that. \
	Install one (on Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python

# Only its absence matters: an environment is not made anew because uv is newer.
$(BIN)/python: | $(filter $(UV_OWN),$(UV))
	@[ -n "$(PYTHON)" ] || { echo "$(NO_PYTHON)" >&2; exit 1; }
	@"$(PYTHON)" -c '$(PYTHON_FITS)' 2>/dev/null || { echo "PYTHON=$(PYTHON): $(NO_PYTHON)" >&2; exit 1; }
	@echo "set-up: $(VENV) with $(PYTHON)"
	@$(UV) venv --quiet --clear --python "$(PYTHON)" $(VENV)

# The pins, then the project itself, built by the pinned backend.
$(VENV)/%.stamp: requirements/%.txt pyproject.toml | $(BIN)/python $(filter $(UV_OWN),$(UV))
	@echo "set-up: $< into $(VENV)"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $<
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline --editable .
	@touch $@

# The JavaScript client's test skips, with this reason in view, where npm or its registry is missing.
.PHONY: node-client
node-client: $(VENV)/dev.stamp
	@stamp=$(NODE_CLIENT)/node_modules/.package-lock.json; \
	[ "$$stamp" -nt $(NODE_CLIENT)/package-lock.json ] || { \
		echo "set-up: npm ci in $(NODE_CLIENT)"; \
		log=$$(cd $(NODE_CLIENT) && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 2>&1) \
			&& touch "$$stamp" \
			|| { rm -rf $(NODE_CLIENT)/node_modules; \
				printf 'skipped: npm ci failed, so the node client is not tested:\n%s\n' \
					"$$(grep -v 'npm warn' <<<"$$log" | head -n 4)"; }; }

# -- pins --------------------------------------------------------------------------------------

LOCK := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(LOCK_ARGS)
LOCK_ARGS ?=

.PHONY: lock
lock: | $(filter $(UV_OWN),$(UV)) ## pin what pyproject.toml asks for (LOCK_ARGS=--upgrade for the newest)
	@$(UV) $(LOCK) pyproject.toml --group build -o requirements/serve.txt
	@$(UV) $(LOCK) pyproject.toml --group build --extra dev -c requirements/serve.txt -o requirements/dev.txt
	@$(UV) $(LOCK) --group pyproject.toml:uv -o requirements/uv.txt
