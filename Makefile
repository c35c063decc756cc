# chatapp: `make run` starts everything, `make test` tests everything, `make help` lists the rest.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 3000
export FLASK_APP := wsgi
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help run dev test sdk-test chaos lint format autobahn hostile bench bench-quick bench-test requirements clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

run: $(VENV)/runtime.stamp  ## Set everything up and start the server on 0.0.0.0:3000 (PORT=… changes it)
	@$(BIN)/python scripts/run.py

dev: $(VENV)/runtime.stamp  ## The same, restarting when the code changes
	@$(BIN)/python scripts/run.py --reload

test: $(VENV)/dev.stamp  ## All tests on the embedded store, and on MongoDB when TEST_MONGO_URI names one
	@$(BIN)/python scripts/test.py

sdk-test: $(VENV)/runtime.stamp  ## The JavaScript SDK: lint, build, and its tests against this server (needs Node 20.19 or newer)
	@scripts/need_node
	@cd clients/js && npm ci --silent && npm run --silent lint && npm test --silent

chaos: $(VENV)/runtime.stamp  ## 100,000 sends under faults, on the embedded store, and on MongoDB when TEST_MONGO_URI names one
	@$(BIN)/python scripts/chaos.py

lint: $(VENV)/dev.stamp  ## ruff and mypy --strict
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

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

# Everything that the benchmark runs with; ONLY, SUBJECT, ROUNDS, SECONDS, PROFILE, HOLD: see benchmarks/README.md.
BENCH_READY := $(VENV)/runtime.stamp benchmarks/node_modules/.stamp benchmarks/reference/node_modules/.stamp
BENCH := node benchmarks/driver/bench.js $(if $(ONLY),--only "$(ONLY)") $(if $(SUBJECT),--subject "$(SUBJECT)") \
  $(if $(ROUNDS),--rounds "$(ROUNDS)") $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(PROFILE),--profile "$(PROFILE)") \
  $(if $(HOLD),--hold "$(HOLD)")

bench: $(BENCH_READY)  ## Measure chatapp beside the Node reference, on the database at MONGO_URI (half an hour)
	@$(BENCH)

bench-quick: $(BENCH_READY)  ## The same, smaller, in about two minutes
	@$(BENCH) --quick

bench-test: benchmarks/node_modules/.stamp  ## Test the benchmark's driver
	@cd benchmarks && npm test --silent

clean:  ## Remove the virtual environment and caches; the data under instance/ stay
	rm -rf $(VENV) build benchmarks/node_modules benchmarks/reference/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/python.stamp:
	@scripts/find_python $(VENV) $(PYTHON)
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/python.stamp requirements.txt
	@echo "Installing the requirements …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/python.stamp requirements-dev.txt
	@echo "Installing the requirements for tests …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

%/node_modules/.stamp: %/package-lock.json
	@scripts/need_node "The benchmark needs"
	@echo "Installing the packages of $* …"
	@cd $* && npm ci --silent --no-progress
	@touch $@
