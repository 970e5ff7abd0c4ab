# Each target sets itself up in .venv from Python 3.11 and make alone; a second call starts at once.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test check setup lock lint bench bench-detection fuzz faults audit pictures site

setup: $(STAMP)

$(BIN)/uv: 
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tillwatch needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 3; }
	@echo "setting up $(VENV) (once, about a minute) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements.lock)"

$(STAMP): requirements.lock pyproject.toml | $(BIN)/uv
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	@$(BIN)/tillwatch demo

# what collects is written for Windows too (docs/windows.md); here it can only be type-checked
WINDOWS := ingest/commands/collect.py ingest/commands/ports.py

lint: $(STAMP)
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/codespell
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy
	@$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 $(WINDOWS)

check: lint
	@$(BIN)/python -m pytest -q -n auto -m "not slow and not thorough"

# the fast tests on every core, then the slow ones (whole runs, fault injection, a browser), file by file on every core;
# what starts a cluster begins at once, and no two at a time (tests/conftest.py)
# what a test needs is installed where this user may do so (root on Debian); CI=false leaves the machine as it is
test: export CI := $(or $(CI),true)
test: lint
	@$(BIN)/python -m pytest -q -n auto -m "not slow"
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m slow

# RUNS inputs in total; a run that was stopped goes on where it was
RUNS ?= 10000000
fuzz: $(STAMP)
	@nice -n 19 $(BIN)/python -m tests.fuzz --runs $(RUNS)

# every fault at full length, some two hours; installs strace, faketime and libfiu where it may. ROWS=1,2b tries only these
ROWS ?=
faults: $(STAMP)
	@$(BIN)/python -m tests.faults --rows "$(ROWS)"

# insecure code, card numbers, the list of parts and their known holes, into var/audit
audit: $(STAMP)
	@$(BIN)/python -m tests.audit

# the pictures of docs/ and the goldens of tests/looks; look at each before it is committed
pictures: $(STAMP)
	@$(BIN)/python -m tests.looks --docs --goldens

# the documents in both languages as a site in var/site; a broken link or a page that no one can reach is an error (with
# --quiet mkdocs would not count them)
site: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# decoders side by side, then landing and replay; on a free machine some four minutes each, and 10 GB of disk for the ten
# million frames that are landed at last; installs tshark where it may
bench: $(STAMP)
	@$(BIN)/python -m bench.columns
	@$(BIN)/python -m bench.land --up-to 10000000 --out bench/results/landing.json
	@$(BIN)/python -m bench.stages --out bench/results/stages.json

# what the rules find, miss and accuse wrongly, into docs/detection.md; SIZE=small takes minutes,
# full half an hour and more, season two hours
SIZE ?= full
bench-detection: $(STAMP)
	@$(BIN)/python -m bench.detection --size $(SIZE)

lock: $(BIN)/uv
	@$(BIN)/uv pip compile pyproject.toml --quiet --extra airflow --extra fleet --extra lineage --group dev --generate-hashes \
	  --no-emit-index-url --no-header --output-file requirements.lock
	@$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["spark"], sep="\n")' \
	  | $(BIN)/uv pip compile - --quiet --constraint requirements.lock --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate --output-file requirements-spark.lock
