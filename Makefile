# Everything a person or the CI starts. `make nightly` on a fresh clone is the demo.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
UV := uv==0.13.8
# The newest Python first; dagster-dbt and dbt do not run on 3.14 yet.
PYTHONS := python3.13 python3.12 python3.11 python3

.DEFAULT_GOAL := help
.PHONY: help venv nightly test check ui campaign benchmarks lock clean

help: ## Show what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

venv: $(STAMP) ## Make the virtual environment from requirements.lock

$(STAMP): requirements.lock Makefile
	@for candidate in $(PYTHONS); do \
		if "$$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then \
			python=$$candidate; break; \
		fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Daybreak needs Python 3.11, 3.12 or 3.13 with the venv module; none of these is one: $(PYTHONS)" >&2; \
		exit 2; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version)" && \
	{ [ -x $(BIN)/python ] || "$$python" -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	@pwd > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/daybreak.pth"
	@# Without byte code every start compiles 4,400 modules anew: 10 s.
	@printf '#!/bin/sh\nunset PYTHONDONTWRITEBYTECODE\nexec "%s/$(BIN)/python" -m dagster_project "$$@"\n' "$$(pwd)" > $(BIN)/daybreak
	@chmod +x $(BIN)/daybreak
	@touch $(STAMP)

nightly: $(STAMP) ## Run the night; on an empty landing folder, simulate a product first
	@$(BIN)/daybreak run --demo

# One process more than cores: tests of whole nights wait for files a sixth of the time.
test: $(STAMP) ## Run all tests, side by side
	$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder

campaign: $(STAMP) ## Run the long fault, fuzz and simulation counts, then the benchmarks
	$(BIN)/python -m pytest -m campaign
	@$(MAKE) benchmarks

benchmarks: $(STAMP) ## Print costs as multiples of baselines measured in the same run
	@set -e; for file in tests/benchmarks/bench_*.py; do \
		echo "$$file"; \
		TMPDIR=$$(mktemp -d); export TMPDIR; \
		$(BIN)/python -m tests.benchmarks.$$(basename $$file .py); \
		rm -rf "$$TMPDIR"; \
	done

check: $(STAMP) ## Lint, check types, lint SQL, parse the dbt project strictly
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests
	$(BIN)/daybreak dbt --quiet --warn-error parse --no-partial-parse

ui: $(STAMP) ## Open the Dagster UI: lineage, runs, checks, schedule
	@$(BIN)/daybreak ui

lock: $(STAMP) ## Resolve pyproject.toml anew into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group dev \
		--generate-hashes --no-emit-index-url --upgrade -o requirements.lock pyproject.toml

clean: ## Remove caches and build products; data under .daybreak stays
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis dbt_project/target dbt_project/logs
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
