# `make demo`, `make check` and `make test` each do everything from a fresh clone.
#
#   make demo PYTHON=python3.12     the Python that makes the virtual environment
#   make demo TORCH_INDEX=          the package index's own torch, which on Linux brings CUDA

VENV := .venv
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
# The first that runs and is supported; a name on the path may be no more than a launcher.
FOUND := $(shell for python in $(CANDIDATES); do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
TORCH := $(shell sed -n 's/^ *"\(torch==[^"]*\)",/\1/p' pyproject.toml)

# torch for the processor alone. Where this is out of reach pip warns, and takes the package
# index's own.
ifeq ($(shell uname),Linux)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
endif

.PHONY: demo check test lint nightly fuzz clean

demo: $(VENV)/installed
	$(VENV)/bin/mobile-deploy build mobilenet_v2

PYTEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2

# In a minute, while one works: ruff, mypy, and the tests that need no build and no toolkit.
check: lint
	$(PYTEST) --dist worksteal --logic tests

# pytest last: its summary is the verdict. Two workers, each with a file at a time: a build among the
# tests holds gigabytes. One thread in each: with more, their pools spin against each other.
test: lint
	$(PYTEST) --dist loadfile --no-loadscope-reorder --durations 25 --durations-min 1

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# What takes minutes, or downloads old versions of the runtimes that manifests promise.
nightly: $(VENV)/installed-dev
	$(PYTEST) --dist worksteal --durations 25 -m nightly

# Of the nightly tests those that garble what strangers send; what they find goes into
# tests/fuzz/corpus, which every run tries.
fuzz: $(VENV)/installed-dev
	$(PYTEST) --dist worksteal --durations 25 -m nightly tests/fuzz

clean:
	rm -rf $(VENV) bundles

$(VENV)/installed: pyproject.toml
	@test -n "$(FOUND)" || { echo "no Python 3.11, 3.12 or 3.13 (looked at: $(CANDIDATES)):" \
		"install one, or name yours: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(FOUND) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --no-deps \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(TORCH)
	$(VENV)/bin/python -m pip install --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(VENV)/bin/python -m pip install --editable '.[dev]'
	touch $@
