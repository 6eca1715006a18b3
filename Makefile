# make demo   a simulated meter, its history, and the page at http://127.0.0.1:8080
# make test   everything the tests need, then all tests
#
# Both make their own environment in .venv. Another Python: make demo PYTHON=python3.12
#
# sudo make install     onto this machine as a service; again: upgrade; a wheel in dist/ (make wheel, on any machine) spares npm
# sudo make uninstall   takes it away, but for the configuration and the history

PYTHON ?= python3
# For make endure: how long, how many over the bad line, and how many days InfluxDB is away
MINUTES ?= 10
TELEGRAMS ?= 100000
DAYS ?= 7
# For make fuzz: seconds per target
FUZZ_S ?= 60
# For make test: many tests wait for a server or a clock, so one more than there are cores, up to four
WORKERS ?= $(shell cores=$$(nproc); echo $$((cores < 4 ? cores + 1 : 4)))
BIN := .venv/bin
BUILT_FROM := pyproject.toml hatch_build.py web/package-lock.json

.PHONY: demo test services lint format types bench wheel install uninstall cleanroot getstarted endure fuzz clean
.DELETE_ON_ERROR:

demo: .venv/.run
	@exec $(BIN)/p1monitor demo

test: .venv/.dev
	@.ci/services || echo "make test: what is missing is skipped, and pytest says which tests" >&2
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

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
	@$(BIN)/python benchmarks/storage.py
	@$(BIN)/python benchmarks/queries.py

wheel: .venv/.dev
	$(BIN)/python -m build --outdir dist .

# As root; see the top of the script for METER=, WHEEL= and PREFIX=
install:
	@METER="$(METER)" WHEEL="$(WHEEL)" WITH="$(WITH)" PREFIX="$(PREFIX)" systemd/install.sh

uninstall:
	@PREFIX="$(PREFIX)" systemd/uninstall.sh

# The whole life of an installation in a clean Debian: as root, two minutes, with debootstrap and the network at hand;
# BASE=FOLDER keeps the bare Debian for the next time
cleanroot: wheel
	@BASE="$(BASE)" tests/in_clean_root.sh tests/clean_root.sh

# docs/get-started.md, block by block in a clean Debian; with P1MONITOR_HASS=…/hass up to a real Home Assistant
getstarted: wheel
	@BASE="$(BASE)" tests/in_clean_root.sh $(BIN)/python -m pytest -q -s -p no:cacheprovider -m cleanroot tests/test_get_started_real.py

# A meter without CRC on a bad line, 100 000 telegrams: does a wrong number get out? Two million: does memory stay? And the daemon
# on a simulated meter that sends without a pause: does it keep up, and does its memory stay?
# Then three years against the truth, a month of power quality without a false event, and two hundred kills and as many power
# cuts: is anything lost? InfluxDB away for a week, the daemon killed twice meanwhile: is every point there in the end?
# And what it takes of memory, beside dsmr_parser and paho, after a week of telegrams; and after a day without its broker; how
# soon a telegram is there, what the processor does at one a second, and fifty meters in one daemon.
endure: .venv/.dev
	@$(BIN)/python benchmarks/flips.py --telegrams $(TELEGRAMS)
	@$(BIN)/python benchmarks/flat.py
	@$(BIN)/python benchmarks/endure.py --minutes $(MINUTES)
	@$(BIN)/python -m benchmarks.years
	@$(BIN)/python benchmarks/month.py
	@$(BIN)/python benchmarks/cuts.py
	@$(BIN)/python benchmarks/outage.py --days $(DAYS)
	@$(BIN)/python benchmarks/footprint.py
	@$(BIN)/python benchmarks/no_broker.py
	@$(BIN)/python benchmarks/latency.py
	@$(BIN)/python benchmarks/processor.py
	@$(BIN)/python benchmarks/meters.py

# Bytes that break framer, parser, decryption or mode C: a search led by the code that they reach. What failed is in .fuzz/
fuzz: .venv/.fuzz
	@for target in framer telegram cipher modec; do $(BIN)/python -m tests.fuzz $$target $(FUZZ_S) || exit 1; done

clean:
	rm -rf .venv dist build web/vendor .mypy_cache .pytest_cache .ruff_cache .hypothesis .fuzz
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

.venv/.fuzz: .venv/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@
