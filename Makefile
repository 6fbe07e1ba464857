# Two commands do all the set-up: `make run` and `make test`. Both work a second time in seconds
# and, after the first time, offline.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
RELEASE := $(VENV)/release
ARGS ?=
STAMP := $(VENV)/.installed
FACES := $(VENV)/share/housemodel/faces/manifest.json
PACKAGES := workspace compliance identity serve console

.PHONY: run test test-fast test-whole test-cluster test-browser test-gpu check format lock licences sbom audit chaos disk-full bench load scale rotating fuzz screenshots setup mannequin mannequin-report clean

run: setup  ## start the appliance with the mannequin pack and a filled demo workspace
	@exec $(BIN)/housemodel up $(ARGS)

setup: $(STAMP) $(FACES)

$(STAMP): requirements.lock requirements-torch.lock pyproject.toml
	@test -x $(BIN)/python || { echo "Creating $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing what requirements.lock names (some minutes the first time) ..."
	@$(PIP) --require-hashes --no-deps -r requirements.lock
	@$(PIP) --require-hashes --no-deps -r requirements-torch.lock
	@# again without --no-deps: a CUDA build of torch names libraries of its own, a CPU build none
	@$(PIP) "$$(grep -o '^torch==[^ ]*' requirements-torch.lock)"
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(FACES): $(STAMP) identity/face_pack.py
	@echo "Building the face pack (YuNet + SFace) ..."
	@$(BIN)/python -m identity.face_pack --out $(dir $@)
	@touch $@

test: setup  ## all that this machine can run; says what it skipped and why
	@$(BIN)/python -m tests.run $(ARGS)

test-fast: setup  ## the default part alone: no network, no GPU, no Ray, under a minute
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

test-whole: setup  ## the whole line in one process, with the real packs
	@$(BIN)/python -m pytest -m whole tests/whole $(ARGS)

test-cluster: setup  ## a real Ray
	@$(BIN)/python -m pytest -m cluster tests/cluster $(ARGS)

test-browser: setup  ## a real Chromium; the killed replica is seen over a real Ray
	@$(BIN)/python -m pytest -m browser tests/browser $(ARGS)
	@$(BIN)/python -m pytest -m cluster tests/cluster/test_console_replica.py $(ARGS)

test-gpu: setup  ## a real GPU
	@$(BIN)/python -m pytest -m gpu tests/gpu $(ARGS)

check: setup  ## format, lint, types, import rules, sizes, docs match --help
	@$(BIN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m tests.supply.licences
	@$(BIN)/python -m pytest -q tests/test_layout.py tests/test_docs.py
	@echo "check: clean"

format: setup
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

lock: setup  ## write the hashes of every pinned version into the lock files (network)
	@$(BIN)/python -m tests.supply.lock $(ARGS)

licences: setup  ## the licences of all that is installed, into docs/dependencies.md
	@$(BIN)/python -m tests.supply.licences --write

$(RELEASE)/.installed: requirements-release.lock $(STAMP)
	@$(BIN)/python -m venv $(RELEASE)
	@$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

sbom: $(RELEASE)/.installed  ## CycloneDX list of every distribution and weight file, to build/
	@mkdir -p build
	@$(RELEASE)/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o build/housemodel.cdx.json
	@$(BIN)/python -m tests.supply.weights build/housemodel.cdx.json

audit: $(RELEASE)/.installed  ## known vulnerabilities of what the lock files pin (network)
	@$(RELEASE)/bin/pip-audit --disable-pip --no-deps --strict -r requirements.lock -r requirements-torch.lock

chaos: setup  ## kill the appliance at random while it works; writes benchmarks/results/chaos.md
	@$(BIN)/python -m tests.cluster.chaos --report benchmarks/results/chaos $(ARGS)

disk-full: setup  ## no room at each write of enrolment and generation in turn; writes benchmarks/results/disk.md
	@$(BIN)/python -m tests.disk_rounds --report benchmarks/results/disk $(ARGS)

bench: setup  ## figures of this machine into benchmarks/results/
	@$(BIN)/python -m benchmarks.line $(ARGS)
	@$(BIN)/python -m benchmarks.marks --timing
	@$(BIN)/python -m benchmarks.console

load: setup  ## 64 clients for ten minutes: errors, memory, p99 of reading; writes benchmarks/results/load.md
	@$(BIN)/python -m benchmarks.load $(ARGS)

scale: setup  ## 10,000 models and 100,000 images: lists, start, memory; some minutes to fill
	@$(BIN)/python -m benchmarks.scale $(ARGS)

rotating: setup  ## new keys while clients work: no failed request, the old root key useless
	@$(BIN)/python -m benchmarks.rotating $(ARGS)

fuzz: setup  ## our OpenAPI document, 10,000 damaged pictures, ids of others; some minutes
	@$(BIN)/python -m tests.fuzz $(ARGS)

screenshots: setup  ## every page of the console into docs/console/, from a real appliance
	@$(BIN)/python -m benchmarks.screenshots $(ARGS)

mannequin-report: setup  ## measure the pack on its held-out cases; writes packs/mannequin/REPORT.md
	@PYTHONPATH=packs/mannequin $(BIN)/python -m recipe.report --pack packs/mannequin $(ARGS)

mannequin:  ## rebuild the mannequin pack from its recipe (hours; see its README)
	@$(MAKE) --no-print-directory -C packs/mannequin/recipe $(ARGS)

clean:  ## removes what make made, never a home folder
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
