# Needs git, make, curl and python3 (3.11 or newer) with its venv (on Debian: apt install python3-venv);
# everything else goes into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

serve: $(VENV)/.runtime ## Run the gateway with a demo account and a sandbox
	GRIP_DATABASE_URL=sqlite:///demo.db $(BIN)/grip serve --demo

test: $(VENV)/.dev ## Run every test
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## Check style, types and the rules of who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

cover: $(VENV)/.dev ## Prove that the tests of money reach every branch of it
	$(BIN)/coverage run -m pytest -n 0 tests/money
	$(BIN)/coverage report --include 'grip/money/*' --fail-under 100 --show-missing

compat: $(VENV)/.dev ## Write down in docs/compatibility.md what the official clients see
	$(BIN)/python -m pytest -n 0 tests/compat/test_compatibility.py --write-compatibility

clients: $(VENV)-clients/.clients ## Run LangChain's standard tests of chat models against grip
	$(VENV)-clients/bin/python -m pytest -p no:asyncio tests/clients/python

audit: $(VENV)-audit/.audit ## Ask a database of known holes about the pinned packages
	$(VENV)-audit/bin/python -m tests.audit $(VENV)-audit/bin/pip-audit \
		requirements.lock requirements-dev.lock requirements-clients.lock requirements-audit.lock

# npm trusts a list of its own, and not what the machine's owner added to the system's.
CA := /etc/ssl/certs/ca-certificates.crt

node: $(VENV)/.dev ## Run openai-node and the Vercel AI SDK against grip, where npm is there
	@if ! command -v npm > /dev/null; then \
		echo "npm is not there: openai-node and the Vercel AI SDK were not tried"; \
	elif ! NODE_EXTRA_CA_CERTS="$${NODE_EXTRA_CA_CERTS:-$(CA)}" npm ci --silent --prefix $(NODE); then \
		echo "npm cannot fetch its packages: openai-node and the Vercel AI SDK were not tried"; \
	else \
		$(BIN)/python -m pytest -n 0 $(NODE); \
	fi

NODE := tests/clients/node

bench: $(VENV)/.dev ## Measure the request path; make bench BENCH=--quick tries it, BENCH=-h tells more
	$(BIN)/python -m tests.bench.run $(BENCH)

bench-tasks: $(VENV)/.dev ## Measure a thousand media tasks that wait, at a worker of their own
	$(BIN)/python -m tests.bench.waiting $(BENCH)

bench-growth: $(VENV)/.dev ## Read, prove and tidy ten million rows of usage beside calls
	$(BIN)/python -m tests.bench.growth $(BENCH)

bench-orders: $(VENV)/.dev ## Sell ten thousand packages on four workers, and reconcile
	$(BIN)/python -m tests.bench.orders $(BENCH)

wheel: $(VENV)/.runtime ## Build the package into dist/, to be installed on a server
	$(BIN)/python -m hatchling build -t wheel

lock: $(VENV)/.dev ## Pin the newest dependencies that fit, with their hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --upgrade $(LOCK) --group build -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --upgrade $(LOCK) --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --upgrade $(LOCK) --group clients -o requirements-clients.lock
	$(BIN)/uv pip compile --upgrade $(LOCK) --group audit -o requirements-audit.lock

LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -q

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "grip needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)-clients/.clients: requirements-clients.lock pyproject.toml | $(VENV)/bin/pip
	$(PYTHON) -m venv $(VENV)-clients
	$(VENV)-clients/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements-clients.lock
	@touch $@

$(VENV)-audit/.audit: requirements-audit.lock | $(VENV)/bin/pip
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements-audit.lock
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/pip
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/pip
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

.PHONY: help serve test lint cover audit compat clients node bench bench-tasks bench-growth bench-orders wheel lock
