# Two commands: `make demo` and `make test`. Both build .venv first, from hash-locked requirements.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Byte code halves the time of every dvc call and every stage; images that switch it off would make everything twice as slow.
unexport PYTHONDONTWRITEBYTECODE
export DVC_NO_ANALYTICS := 1

.PHONY: help setup demo test quick check lint types floors generated generate reproduce lock tools bench scale calibration stability faults clean

help:
	@echo "make demo    scaffold, run, branch, compare, push to a forge in a box, show the comment"
	@echo "make test    all tests            make quick   without the slow ones"
	@echo "make check   lint, types, floors, generated files"
	@echo "make reproduce   the reference project of the last commit again, bit by bit"
	@echo "make bench   benchmarks: ratios against the real alternative      make calibration   is the verdict as right as it says?"
	@echo "make stability   how many outputs are the same again?"
	@echo "make faults   stopped at 300 points, and everything at once: is anything lost?"
	@echo "make generate   rebuild the generated files       make lock   rebuild the requirement locks"

$(BIN)/.ready: requirements-dev.lock requirements-uv.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("mlops-kit needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# What the forge in a box needs: GitHub's API description, and uv's cache for runs without network. What the tests of the report need: a
# checker of accessibility, Mermaid as GitHub draws it, and Chromium, which is installed here where that is allowed.
.tools/.ready: $(BIN)/.ready requirements-reference.lock requirements-label-studio.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm install --prefix .tools --no-package-lock --no-audit --no-fund --silent @octokit/openapi@23.0.2 axe-core@4.14.1 mermaid@11.17.2
	$(BIN)/python -m tests.support.browser
	$(BIN)/python -m tests.support.postgres
	$(BIN)/python -m tests.support.environments
	$(BIN)/python -m tests.support.label_studio
	$(BIN)/python -m tests.support.warm
	touch $@

setup: $(BIN)/.ready

tools: .tools/.ready

demo: .tools/.ready
	$(BIN)/python scripts/demo.py

test: .tools/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

quick: $(BIN)/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

check: lint types floors generated

lint: $(BIN)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(BIN)/.ready
	$(BIN)/mypy

floors: $(BIN)/.ready
	$(BIN)/lint-imports --no-cache

generated: $(BIN)/.ready
	$(BIN)/mlops-kit generate --check
	$(BIN)/python scripts/reference.py --check

generate: $(BIN)/.ready
	$(BIN)/mlops-kit generate
	$(BIN)/python scripts/reference.py

# Every stage of the last commit again in a clean clone, under perturbation.
reproduce: $(BIN)/.ready
	$(BIN)/mlops-kit reproduce --environment current --perturb quick --require R4

lock: $(BIN)/.ready
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	  --custom-compile-command 'make lock' pyproject.toml requirements-dev.in -o requirements-dev.lock
	echo uv | $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	  --custom-compile-command 'make lock' - -o requirements-uv.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	  --custom-compile-command 'make lock' requirements-reference.in -o requirements-reference.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	  --custom-compile-command 'make lock' --override requirements-label-studio-overrides.in requirements-label-studio.in -o requirements-label-studio.lock

bench: $(BIN)/.ready
	$(BIN)/python benchmarks/compare.py
	$(BIN)/python benchmarks/log.py
	$(BIN)/python benchmarks/bootstrap.py
	$(BIN)/python benchmarks/watching.py
	$(BIN)/python benchmarks/closure.py
	$(BIN)/python benchmarks/runner.py --trivial 100
	$(BIN)/python benchmarks/warm.py
	$(BIN)/python benchmarks/remote.py
	$(BIN)/python -m benchmarks.acquire
	$(BIN)/python -m benchmarks.active

# 50 million rows through every step of the data in at most 4 GB: 25 GB of disk, and half an hour or more.
scale: $(BIN)/.ready
	$(BIN)/python benchmarks/scale.py

# Is the verdict right as often as it says? Some minutes of simulation.
calibration: $(BIN)/.ready
	$(BIN)/python benchmarks/calibration.py

# How many outputs are the same again, written as usual and written canonically? Some minutes.
stability: $(BIN)/.ready
	$(BIN)/python benchmarks/stability.py

# Hit by signals and a failing disk at 300 points of run, push, pull and acquire, and 20 random interleavings. About half an hour; needs strace.
faults: $(BIN)/.ready
	$(BIN)/python -m tests.support.crash --points 300
	$(BIN)/python -m tests.support.crash --mixed 20

clean:
	rm -rf $(VENV) .tools demo
