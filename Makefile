# `make demo` runs the main job, `make test` the tests; both set up what they need.
.DEFAULT_GOAL := help
PYTEST ?= .venv/bin/pytest
WORKERS ?= 2
SAMPLES ?= ../shared/samples

.PHONY: help setup demo test check bench soak samples lock format

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the main job, offline: a sample clinic, 30 days in a minute
	@sh scripts/setup.sh run
	@.venv/bin/nurture demo

test: ## all tests that this machine can run; names what it skips
	@sh scripts/setup.sh develop
	$(PYTEST) -n $(WORKERS) $(ARGS)

setup: ## everything a developer needs, in .venv
	@sh scripts/setup.sh develop

check: setup ## lint, types, layers, spelling, documentation
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/codespell
	.venv/bin/nurture check
	.venv/bin/pytest -q -p no:cacheprovider tests/docs

bench: setup ## measurements, printed and written to build/bench.json
	.venv/bin/python -m benchmarks.run $(ARGS)

soak: setup ## 500,000 mails, workers killed at every phase, counted; needs PostgreSQL; half an hour
	.venv/bin/python -m tests.soak.run $(ARGS)

samples: setup ## checks against collected samples, where a folder of them is at hand (SAMPLES=DIR)
	@test -d "$(SAMPLES)" || { echo "There is no folder $(SAMPLES); say make samples SAMPLES=DIR"; exit 2; }
	NURTURE_SAMPLES="$(SAMPLES)" $(PYTEST) -q -p no:cacheprovider tests/samples/check_*.py $(ARGS)

format: setup ## ruff's format and safe fixes
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

lock: ## new locks from pyproject.toml (needs uv)
	sh scripts/lock.sh
