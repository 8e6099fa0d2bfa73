# make train    installs into .venv, trains the default brain in its default body and films it
# make test     installs into .venv and runs the tests
# EXTRAS=dev,grid,slurm,notebook,search,ray make setup    installs Ray too, whose tests are skipped otherwise
# Everything here needs only make and Python 3.11, 3.12 or 3.13; PYTHON=... names another one.

PIP_OPTIONS ?= --disable-pip-version-check --quiet
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS ?= dev,grid,slurm,notebook,search
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup train test lint bench doctor clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(STAMP)  ## install into .venv

train: $(STAMP)  ## train and film a brain; ARGS="env=Hopper-v5 brain=gru" changes what
	@$(BIN)/python train.py $(ARGS)

test: $(STAMP)  ## run the tests, as many at a time as there are cores; ARGS="-k resume" picks some
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --dist loadfile $(ARGS)

lint: $(STAMP)  ## check style and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(STAMP)  ## measure throughput here
	@$(BIN)/python benchmarks/stepping.py
	@$(BIN)/python benchmarks/throughput.py

doctor: $(STAMP)  ## say what works on this machine, and what mends the rest
	@$(BIN)/python envs/doctor.py

clean:  ## remove .venv and caches; runs/ stays
	rm -rf $(VENV) .pytest_cache .ruff_cache *.egg-info

# The stamp is newer than what it depends on, so a second call installs nothing.
$(STAMP): pyproject.toml constraints.txt
	@echo "installing into $(VENV) (once, a few minutes) ..."
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 none; do \
		$$python -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			2>/dev/null && break; \
	done; \
	test $$python != none || \
		{ echo "no Python 3.11, 3.12 or 3.13 found: install one, or make PYTHON=/path/to/it"; exit 1; }; \
	$$python -m venv $(VENV) || \
		{ echo "$$python makes no virtual environments: sudo apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install $(PIP_OPTIONS) -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $@
