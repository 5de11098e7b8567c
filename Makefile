# `make demo` and `make test` set up what they need; see `make help`.
PYTHON := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test check unit golden docs bench clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv with envbuild and the tools for its development
	@tools/setup.sh

demo: ## Build and smoke-test examples/quickstart, an engine included if none runs
	@tools/demo.sh

test: setup check ## Run all checks and all tests, those on a real engine included (ARGS= for pytest)
	@tools/test.sh $(ARGS)

check: setup ## Lint, check formatting and types, and compare the generated docs
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy
	@$(PYTHON) tools/docs.py --check

unit: setup ## Run the fast tests: no network, no engine (ARGS= for pytest)
	@$(PYTHON) -m pytest tests/unit tests/golden $(ARGS)

golden: setup ## Write the golden files anew; look at the difference before committing it
	@ENVBUILD_GOLDEN=write $(PYTHON) -m pytest -q tests/golden

docs: setup ## Write docs/spec.md and docs/cli.md anew from the model and the commands
	@$(PYTHON) tools/docs.py

bench: setup ## Measure the figures of docs/benchmarks.md and write that file (ARGS=--rounds=1 for less)
	@$(PYTHON) -m benchmarks.run $(ARGS)

clean: ## Remove what the targets made in this folder; images and engines stay
	@rm -rf .venv .cache .demo build dist bench-results .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -f examples/*/pylock.*.toml
