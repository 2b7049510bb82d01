# Everything needs python3, pip and make only; the first target that runs sets the environment up.
SHELL := /bin/sh
PYTHON ?= python3
UV := .tools/uv/bin/uv
READY := .venv/.ready
PY := .venv/bin/python

export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
ifeq ($(strip $(HOME)),)
export UV_CACHE_DIR := $(CURDIR)/.tools/cache
export MPLCONFIGDIR := $(CURDIR)/.tools/matplotlib
endif

.PHONY: help setup up demo test lint lock clean

help:
	@echo "make up      run the service on this machine until Ctrl-C"
	@echo "make demo    protect a small drawn dataset and show the evidence"
	@echo "make test    lint, then every test"
	@echo "make lint    style, types, and the direction of imports"
	@echo "make lock    bring requirements.lock up to date with pyproject.toml"

setup: $(READY)

$(UV):
	@echo "Fetching uv …"
	@$(PYTHON) -m pip install -q --no-deps --disable-pip-version-check --root-user-action=ignore \
		--target .tools/uv "uv==0.13.9"

.venv/bin/python: | $(UV)
	@$(UV) venv -q --python $(PYTHON) --no-project .venv

$(READY): requirements.lock pyproject.toml | $(UV) .venv/bin/python
	@echo "Installing the locked environment …"
	@VIRTUAL_ENV=.venv $(UV) pip sync -q --require-hashes requirements.lock
	@VIRTUAL_ENV=.venv $(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

up: $(READY)
	@exec .venv/bin/unteachable up

demo: $(READY)
	@exec .venv/bin/unteachable demo

lint: $(READY)
	@$(PY) -m ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

test: lint
	@$(PY) -m pytest

lock: $(UV)
	@$(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --all-extras \
		pyproject.toml -o requirements.lock

clean:
	@rm -rf .venv .tools build .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache *.egg-info
