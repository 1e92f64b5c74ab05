# make run    search the bundled data: teacher, 24 trials, summary
# make test   lint, types and tests
# make docs   the documentation site, in build/site

PYTHON ?= python3
VENV := .venv
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run test lint clean docs

run: $(VENV)/.installed
	$(VENV)/bin/slr-tune run search_spaces/distill.yaml

test: lint
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable '.[dev]'
	touch $@ $(VENV)/.installed

docs: $(VENV)/.installed-dev
	$(VENV)/bin/python docs/make_reference.py
	$(VENV)/bin/mkdocs build --strict --site-dir build/site
