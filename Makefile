# Everything a newcomer needs: `make demo` shows the system at work, `make run` serves the admin, `make test` runs
# the whole suite. Each sets up what it needs first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WORKERS ?= auto
TESTS   ?=
PORT    ?= 8000
# Where the environment forbids compiled modules, each command would compile Django anew.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo run test soak lint lock clean stop

demo: $(VENV)/.runtime
	$(BIN)/python manage.py demo --address http://127.0.0.1:$(PORT)/admin/

run: $(VENV)/.runtime
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py runserver 127.0.0.1:$(PORT)

test: $(VENV)/.development
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

soak: $(VENV)/.development
	FRONTIER_SOAK=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m soak

lint: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

# The embedded server outlives the command that started it, and so does that of the tests; this ends both. Data stay.
stop: $(VENV)/.runtime
	$(BIN)/python manage.py embedded_server stop
	$(BIN)/python -m tests.server

# Hashed, for every platform, without the address of any registry.
lock: $(VENV)/.development
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --upgrade --extra embedded pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --upgrade --extra embedded --extra lake --group dev pyproject.toml -o requirements-dev.lock

clean: stop
	rm -rf .frontier $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Frontier needs Python 3.11 or newer, this is " \
		+ sys.version.split()[0] + ": make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(VENV)/.development: requirements-dev.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@ $(VENV)/.runtime
