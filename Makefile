# make demo   a simulated meter, its history, and the page at http://127.0.0.1:8080
# make test   everything the tests need, then all tests
#
# Both make their own environment in .venv. Another Python: make demo PYTHON=python3.12
#
# sudo make install     onto this machine as a service; again: upgrade; a wheel in dist/ (make wheel, on any machine) spares npm
# sudo make uninstall   takes it away, but for the configuration and the history

PYTHON ?= python3
# For make endure: how long
MINUTES ?= 10
BIN := .venv/bin
BUILT_FROM := pyproject.toml hatch_build.py web/package-lock.json

.PHONY: demo test services lint format types bench wheel install uninstall cleanroot endure clean
.DELETE_ON_ERROR:

demo: .venv/.run
	@exec $(BIN)/p1monitor demo

test: .venv/.dev
	@.ci/services || echo "make test: what is missing is skipped, and pytest says which tests" >&2
	@$(BIN)/python -m pytest

# The servers and the browser of the tests, from Debian's packages; quiet where they are there
services:
	@.ci/services

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.dev
	$(BIN)/mypy

bench: .venv/.dev
	@$(BIN)/python benchmarks/parse.py
	@$(BIN)/python benchmarks/noise.py

wheel: .venv/.dev
	$(BIN)/python -m build --outdir dist .

# As root; see the top of the script for METER=, WHEEL= and PREFIX=
install:
	@METER="$(METER)" WHEEL="$(WHEEL)" PREFIX="$(PREFIX)" systemd/install.sh

uninstall:
	@PREFIX="$(PREFIX)" systemd/uninstall.sh

# The whole life of an installation in a clean Debian: as root, some minutes, with debootstrap and Debian's packages at hand
cleanroot: wheel
	@tests/clean_root.sh

# The daemon on a simulated meter that sends without a pause: does it keep up, and does its memory stay?
# Then two hundred kills and as many power cuts: is anything lost?
endure: .venv/.dev
	@$(BIN)/python benchmarks/endure.py --minutes $(MINUTES)
	@$(BIN)/python benchmarks/cuts.py

clean:
	rm -rf .venv dist build web/vendor .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find p1monitor tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "p1monitor needs Python 3.11 or later, as in: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "p1monitor needs Python's venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python $(BUILT_FROM)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.dev: .venv/bin/python $(BUILT_FROM)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,encrypted,prometheus]'
	@touch $@ .venv/.run
