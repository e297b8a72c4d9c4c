# make demo    set up .venv and take a phantom study from DICOM to a report (a minute, offline after set-up, CPU is enough)
# make test    set up .venv and run the quick tests
# make test-all    the slow ones too
# make check-types    the quick tests with every argument and return value checked against its annotation
# make coverage    the quick tests with the share of lines they run
# make lint    format check, lint, types, layers
# make check-platforms    types as Windows and macOS have them (a minute)
# make docs      the documentation site, in site/: strict, and without a network (its search wants a server, as
#                python -m http.server -d site)
# make benchmark   measure the kernels and the network on this machine's CPU
# make dependencies    write docs/dependencies.md: packages, licences, sizes
# make release-check    build twice, read, install with the oldest and newest dependencies, audit (ten minutes, 15 GB)
# PYTHON chooses the interpreter (3.11 or later).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# Per cent of lines and branches that the quick tests run in this process: 94 where the data beside the project, a browser
# and the programs that judge DICOM objects are found, a little less elsewhere.
COVERED := 92

.PHONY: demo test test-all test-slow check-types coverage lint check-platforms format docs benchmark dependencies release-check clean

demo: $(VENV)/installed
	$(BIN)/cipa demo

# A process a core of two, a file to one of them, one thread each: they share fixtures and do not compete. Processor time on
# two cores: 13 s for 260 tests in one process, 23 s in two, of which 10 are a second import of PyTorch.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed-dev
	$(PYTEST) -m "not slow"

test-all: $(VENV)/installed-dev
	$(PYTEST)

test-slow: $(VENV)/installed-dev
	$(PYTEST) -m slow

check-types: $(VENV)/installed-dev
	$(PYTEST) -m "not slow" --check-types

coverage: $(VENV)/installed-dev
	$(PYTEST) -m "not slow" --cov --cov-fail-under $(COVERED)

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-platforms: $(VENV)/installed-dev
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	$(BIN)/python -m documentation.links site

benchmark: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks

dependencies: $(VENV)/installed-dev
	$(BIN)/python -m release.dependencies --write

release-check: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[release]'
	$(BIN)/python -m release.check

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Installed into, not from, the source tree: edits take effect at once (-e).
$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache cipa-demo
