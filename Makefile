# chatapp: `make run` starts everything, `make test` tests everything, `make help` lists the rest.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
NODE := $(CURDIR)/scripts/with_node
WEB_SOURCES := $(shell find clients/web clients/js/src -type f -not -path '*/node_modules/*' -not -path '*/dist/*' \
  -not -path '*/test/*' -not -path '*/generated/*')
PORT ?= 3000
export FLASK_APP := wsgi
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help run dev web web-if-possible test python-test coverage sdk-test sdk-package-test web-test chaos lint format autobahn hostile bench bench-quick bench-test requirements clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

run: $(VENV)/runtime.stamp web-if-possible  ## Set everything up and start the server on 0.0.0.0:3000 (PORT=… changes it)
	@$(BIN)/python scripts/run.py

dev: $(VENV)/runtime.stamp web-if-possible  ## The same, restarting when the code changes
	@$(BIN)/python scripts/run.py --reload

web: clients/web/dist/.stamp  ## Build the web app that the server has at / (with this machine's Node, or Node from PyPI)

# The server starts without it too, and says so.
web-if-possible: $(VENV)/runtime.stamp
	@$(MAKE) --no-print-directory --question web 2>/dev/null || $(NODE) scripts/build_web || true

test: $(VENV)/dev.stamp  ## All tests: the server's, and those of the JavaScript clients where Node and Chromium are there
	@scripts/test_all

python-test: $(VENV)/dev.stamp  ## The server's tests on the embedded store, and on MongoDB when TEST_MONGO_URI names one
	@$(BIN)/python scripts/test.py

# The rooms whose tests run in one process: the others measure time, which measuring changes.
MEASURED := tests/api tests/services tests/sockets tests/stores
COVERAGE := COVERAGE_FILE=$(CURDIR)/build/coverage/data

coverage: $(VENV)/dev.stamp  ## The lines and branches of the server that the tests in its own process reach, on the embedded store
	@rm -rf build/coverage && mkdir -p build/coverage
	@env MEASURE="$(MEASURED)" $(COVERAGE) $(BIN)/python scripts/test.py
	@$(COVERAGE) $(BIN)/coverage combine -q
	@echo "Coverage, lines and branches: $$($(COVERAGE) $(BIN)/coverage report --format=total) %"

sdk-test: $(VENV)/runtime.stamp clients/js/node_modules/.stamp  ## The JavaScript SDK: lint, build, and its tests against this server
	@cd clients/js && $(NODE) sh -c "npm run --silent lint && npm test --silent"

sdk-package-test: $(VENV)/python.stamp clients/js/node_modules/.stamp  ## The SDK as a package: packed, installed into an app, bundled with Metro (needs the npm registry)
	@cd clients/js && $(NODE) npm run --silent test:metro

web-test: $(VENV)/runtime.stamp clients/js/dist/index.d.ts clients/web/node_modules/.stamp  ## The web app: lint, build, and its tests in Chromium
	@scripts/need_chromium
	@cd clients/web && $(NODE) sh -c "npm run --silent lint && npm test --silent && npm run --silent size"

chaos: $(VENV)/runtime.stamp  ## 100,000 sends under faults, on the embedded store, and on MongoDB when TEST_MONGO_URI names one (WORKERS=4 MACHINES=2)
	@WORKERS="$(WORKERS)" MACHINES="$(MACHINES)" $(BIN)/python scripts/chaos.py

lint: $(VENV)/dev.stamp  ## ruff, mypy --strict and vulture
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/vulture

format: $(VENV)/dev.stamp  ## Format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

hostile: $(VENV)/dev.stamp  ## Hostile clients beside 200 good ones: how each ends, and what the others notice
	@$(BIN)/python scripts/hostile.py

autobahn: $(VENV)/dev.stamp  ## RFC 6455 by Autobahn's fuzzing client (needs a CPython 2.7)
	@$(BIN)/python scripts/autobahn.py

requirements:  ## Compile the pinned requirements anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make requirements" requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make requirements" requirements-dev.in -o requirements-dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make requirements" requirements-node.in -o requirements-node.txt

# Everything that the benchmark runs with; ONLY, SUBJECT, ROUNDS, SECONDS, PROFILE, HOLD: see benchmarks/README.md.
BENCH_READY := $(VENV)/runtime.stamp benchmarks/node_modules/.stamp benchmarks/reference/node_modules/.stamp
export BENCH_BEFORE
BENCH := $(NODE) node benchmarks/driver/bench.js $(if $(ONLY),--only "$(ONLY)") $(if $(SUBJECT),--subject "$(SUBJECT)") \
  $(if $(ROUNDS),--rounds "$(ROUNDS)") $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(PROFILE),--profile "$(PROFILE)") \
  $(if $(HOLD),--hold "$(HOLD)")

bench: $(BENCH_READY)  ## Measure chatapp beside the Node reference, on the database at MONGO_URI (half an hour)
	@$(BENCH)

bench-quick: $(BENCH_READY)  ## The same, smaller, in about two minutes
	@$(BENCH) --quick

bench-test: benchmarks/node_modules/.stamp  ## The benchmark: lint, and the driver's tests
	@cd benchmarks && $(NODE) sh -c "npm run --silent lint && npm test --silent"

clean:  ## Remove the virtual environment and caches; the data under instance/ stay
	rm -rf $(VENV) build clients/*/node_modules clients/*/dist benchmarks/node_modules benchmarks/reference/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/python.stamp:
	@scripts/find_python $(VENV) $(PYTHON)
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/python.stamp requirements.txt
	@echo "Installing the requirements …"
	@scripts/install_requirements $(BIN)/python requirements.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/python.stamp requirements-dev.txt
	@echo "Installing the requirements for tests …"
	@scripts/install_requirements $(BIN)/python requirements-dev.txt
	@touch $@

clients/web/dist/.stamp: $(VENV)/python.stamp $(WEB_SOURCES)
	@$(NODE) scripts/build_web

# The SDK's types, which the web app is checked against.
clients/js/dist/index.d.ts: $(shell find clients/js/src -type f -not -path '*/generated/*') clients/js/node_modules/.stamp
	@cd clients/js && $(NODE) npm run --silent build
	@touch $@

%/node_modules/.stamp: %/package-lock.json $(VENV)/python.stamp
	@echo "Installing the packages of $* …"
	@cd $* && $(NODE) npm ci --silent --no-progress
	@touch $@
