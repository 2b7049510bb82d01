# Everything needs python3, pip and make only; the first target that runs sets the environment up.
SHELL := /bin/sh
PYTHON ?= python3
UV := .tools/uv/bin/uv
PY := .venv/bin/python
READY := .venv/.ready
READY_DEV := .venv/.ready-dev
PLACE := .venv/.place
HERE := $(shell pwd -P)
LOCKS := requirements/build.txt requirements/worker.txt requirements/dev.txt

export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# Compiled once here: where Python may not write bytecode, each process would compile torch anew, in ten seconds.
export UV_COMPILE_BYTECODE := 1
ifeq ($(strip $(HOME)),)
export UV_CACHE_DIR := $(CURDIR)/.tools/cache
export MPLCONFIGDIR := $(CURDIR)/.tools/matplotlib
endif

.PHONY: help setup setup-dev up demo test test-all test-containers lint audit lock upgrade clean

help:
	@echo "make up        run the service on this machine until Ctrl-C"
	@echo "make demo      protect drawn photographs and show the evidence"
	@echo "make test      lint, then the tests of every part, in minutes"
	@echo "make test-all  lint, then all tests: also killed processes, browsers, whole tables"
	@echo "make test-containers  build the images of docker/ and run the service in them (root, and Debian's buildah, mmdebstrap, podman)"
	@echo "make lint      style, types, and the direction of imports"
	@echo "make audit     look for known vulnerabilities of the locked packages (asks osv.dev)"
	@echo "make lock      bring requirements/ up to date with pyproject.toml"
	@echo "make upgrade   the same, with the newest version of every package"

# Two processes, a file of tests at a time: fixtures of a file are set up once.
PYTEST := $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# What the service needs, workers included; no test tool.
setup: $(READY)

# The same, and what tests and linters need.
setup-dev: $(READY_DEV)

$(UV): requirements/uv.txt
	@echo "Fetching uv …"
	@$(PYTHON) -m pip install -q --no-deps --require-hashes --upgrade --disable-pip-version-check \
		--root-user-action=ignore --target .tools/uv -r requirements/uv.txt
	@touch $@

# A virtual environment is bound to its folder: that of a copied or moved clone would run the code of the old folder.
# The stamp names the folder. Environments of earlier versions have none; the first line of their script names it.
BOUND_TO := $(shell cat $(PLACE) 2>/dev/null || sed -n '1s|^\#!\(/.*\)/\.venv/bin/python.*|\1|p' .venv/bin/unteachable 2>/dev/null)
ifneq ($(BOUND_TO),$(HERE))
.PHONY: $(PLACE)
endif

$(PLACE): | $(UV)
ifneq ($(BOUND_TO),$(HERE))
	@[ ! -e .venv ] || echo "The environment belongs to another folder; it is set up anew …"
	@rm -rf .venv
	@$(UV) venv -q --python $(PYTHON) --no-project .venv
endif
	@pwd -P > $@

# $(1): the lock to install exactly.
define install
	@echo "Installing the locked environment …"
	@VIRTUAL_ENV=.venv $(UV) pip sync -q --require-hashes $(1) requirements/build.txt
	@VIRTUAL_ENV=.venv $(UV) pip install -q --no-deps --no-build-isolation -e .
endef

$(READY): $(LOCKS) pyproject.toml Makefile $(PLACE) | $(UV)
	$(call install,$(if $(wildcard $(READY_DEV)),requirements/dev.txt,requirements/worker.txt))
	@touch $@

$(READY_DEV): $(LOCKS) pyproject.toml Makefile $(PLACE) | $(UV)
	$(call install,requirements/dev.txt)
	@touch $(READY) $@

up: $(READY)
	@exec .venv/bin/unteachable up

demo: $(READY)
	@exec .venv/bin/unteachable demo

lint: $(READY_DEV)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check -q .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

test: lint
	@$(PYTEST) -m "not slow"

test-all: lint
	@$(PYTEST)

# It prints what it measured, and the reason of what it skips. UNTEACHABLE_TEST_KEEP_IMAGES=1 leaves the images.
test-containers: $(READY_DEV)
	@$(PY) -m pytest -m containers -rA --show-capture=stdout tests/containers

audit: $(READY_DEV)
	@$(PY) .ci/audit.py

COMPILE = $(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

# What torch imports on a GPU alone. The rest of CUDA stays: torch of the package index does not start without it.
GPU_ONLY := cuda-bindings cuda-pathfinder nvidia-cuda-cccl nvidia-nvtx triton

lock: $(UV)
	@$(COMPILE) $(UPGRADE) --extra worker --extra pretrained --extra dev pyproject.toml -o requirements/dev.txt
	@$(COMPILE) -c requirements/dev.txt --extra worker --extra pretrained pyproject.toml -o requirements/worker.txt
	@$(COMPILE) -c requirements/dev.txt $(GPU_ONLY:%=--no-emit-package %) --extra worker --extra pretrained pyproject.toml \
		-o requirements/worker-cpu.txt
	@$(COMPILE) -c requirements/dev.txt pyproject.toml -o requirements/service.txt

upgrade:
	@$(MAKE) --no-print-directory lock UPGRADE=--upgrade

clean:
	@rm -rf .venv .tools build .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache *.egg-info
