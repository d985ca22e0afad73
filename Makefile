# make demo   set everything up and turn a real filter specification into verified Verilog
# make test   set everything up and run the tests
.DEFAULT_GOAL := demo
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.hwgen-setup

.PHONY: demo test setup lint bench clean

demo: setup
	$(BIN)/hwgen run examples/lte5_channel.toml --out build/lte5_channel

test: setup
	$(BIN)/python -m pytest

setup: $(STAMP)
	@.ci/system-packages

# Everything Python lives in .venv; the stamp makes a second run free and offline.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "hwgen needs Python 3.11 or newer; run: make PYTHON=python3.11 setup")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fast,test]'
	touch $(STAMP)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python benchmarks/area.py
	$(BIN)/python benchmarks/search.py --quick

clean:
	rm -rf build .venv
