# Every target does its own set-up: a virtual environment in .venv with the versions of constraints.txt.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
BENCH  := build/bench
# what `make bench` measures; large meshes, which take about an hour and 16 GB, by BENCHES=scale
BENCHES ?= mesh-speed complexity threads speed ranks
# tests beside each other, a file by one process
SIDE   := -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo test check soak bench report clean

demo: $(READY)          ## train meshes forward-only on Iris and spirals, layers by Mono-Forward on digits, and write a page about it
	$(BIN)/onward demo

test: check             ## all checks: format, lint, layers, types, tests
	$(BIN)/pytest $(SIDE)

check: $(READY)         ## the checks that run no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

soak: $(READY)          ## the long tests: reduced runs of the papers' tables, many random graphs
	HYPOTHESIS_PROFILE=soak $(BIN)/pytest $(SIDE) -m "slow or not slow"

bench: $(READY)         ## gradients of meshes, also on two threads, and steps and ranks of blocks, beside backpropagation, measured anew; best on an idle machine, for about two and a half hours
	rm -rf $(BENCH)
	for name in $(BENCHES); do $(BIN)/onward run $$name --results $(BENCH) && $(BIN)/onward report $$name --results $(BENCH) --to $(BENCH) || exit 1; done

report: $(READY)        ## run what is missing of the experiments, then rewrite docs/results
	$(BIN)/onward run all
	$(BIN)/onward report --to docs/results

clean:
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "onward needs Python 3.11 or later; name one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[app,export,dev]'
	@touch $@
