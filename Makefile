# The two commands of the README are `make leaderboard` and `make test`. All of them work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Some container images set it: then each process, and each worker, compiles all modules of the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help leaderboard leaderboard-full test test-all setup bench bounds site serve docs lint format clean

help:
	@echo "make leaderboard       install, run the quick models on the embedded data, build the site (4 to 7 minutes on two free cores)"
	@echo "make leaderboard-full  the same with the models that take long (longer; each row says the time left)"
	@echo "make test              install and run the fast tests (4 to 7 minutes)"
	@echo "make test-all          every test: slow, ray, browser (needs Chromium: apt-get install chromium)"
	@echo "make setup             install only, into $(VENV)"
	@echo "make site              build the site from the results at hand"
	@echo "make serve             build the site and serve it on http://127.0.0.1:8000"
	@echo "make docs              build the documentation (docs/_build/html/index.html)"
	@echo "make bench             measure ratios in one run (docs/results/benchmarks.md)"
	@echo "make lint              ruff, mypy, and zizmor on the workflows"
	@echo "make bounds            fast tests with the lowest versions of dependencies (RESOLUTION=highest: the newest)"

leaderboard: $(STAMP)
	$(BIN)/matdisc evaluate --board . $(EVALUATE)
	@echo "open: file://$(CURDIR)/leaderboard/_site/index.html"

leaderboard-full: EVALUATE = --full
leaderboard-full: leaderboard

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow and not ray and not browser" --numprocesses auto --maxprocesses 8 --dist worksteal

test-all: $(STAMP)
	$(BIN)/python -m pytest

setup: $(STAMP)

site: $(STAMP)
	$(BIN)/matdisc site build --board .

serve: $(STAMP)
	$(BIN)/matdisc site serve --board .

# A broken link, an unknown name and a page that no list leads to are errors.
docs: $(STAMP)
	$(BIN)/python -m sphinx -b html -E -n -W --keep-going --quiet -d docs/_build/.doctrees docs docs/_build/html
	@echo "open: file://$(CURDIR)/docs/_build/html/index.html"

bench: $(STAMP)
	$(BIN)/python -m benchmarks

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet .github

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torch first: its CPU build is wanted, and the other packages then find it in place.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "matdisc needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH_INDEX) --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[chgnet,ml,labels,phonons,service,postgres,s3,docs,dev]"
	touch $(STAMP)

# Fast tests with the lowest versions that pyproject.toml allows, or with the newest (RESOLUTION=highest); none needs torch or CHGNet.
# What old versions warn of is not ours to fix.
RESOLUTION ?= lowest-direct
BOUNDS := .venv-bounds
bounds:
	rm -rf $(BOUNDS)
	$(PYTHON) -m venv $(BOUNDS)
	$(BOUNDS)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(BOUNDS)/bin/uv pip install --quiet --python $(BOUNDS) --resolution $(RESOLUTION) --editable ".[service,phonons,plot,postgres,s3]"
	$(BOUNDS)/bin/uv pip install --quiet --python $(BOUNDS) pytest pytest-timeout httpx hypothesis
	$(BOUNDS)/bin/python -m pytest -W default -m "not slow and not ray and not browser" --ignore tests/cli/test_train.py \
		--deselect tests/datasets/test_dynamics_boxes.py::test_what_is_on_request_is_evaluated_only_by_name \
		tests/metrics tests/formats tests/datasets tests/cli tests/tasks tests/physics

clean:
	rm -rf $(VENV) $(BOUNDS) build dist docs/_build leaderboard/_site .pytest_cache .mypy_cache .ruff_cache
