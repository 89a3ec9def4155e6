# On a fresh machine with Python 3.11, each of these does its own set-up:
#   make demo   render a clip, run the whole chain on it, print its segments
#   make test   linters, type checker, import rule, all tests
# While you work:
#   make test-fast   only the tests that start no process, in a minute
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet

# Python keeps what it compiled, and pytest the modules that it rewrote: collecting then takes half as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-fast test-image lint bench pictures clean

demo: $(VENV)/.run-ready
	$(BIN)/egoclean-stream demo

test: lint
	$(BIN)/python -m pytest -n 3 --dist worksteal

test-fast: $(VENV)/.dev-ready
	$(BIN)/python -m pytest tests/unit tests/chain -n 2 --dist loadfile --hypothesis-profile=fast

test-image:
	docker/test_image.sh

lint: $(VENV)/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev-ready
	$(BIN)/python -m tests.tools.bench_chain

pictures: $(VENV)/.dev-ready demo
	$(BIN)/egoclean-stream check-rectify runs/demo_clip/demo.mp4 --at 21 --out docs/images/rectified.png
	$(BIN)/egoclean-stream analyze runs/demo --out docs/images
	rm docs/images/anomalies.json docs/images/demo_diagnostics.png
	mv docs/images/demo_detection.png docs/images/detection.png
	$(BIN)/egoclean-stream report runs/demo --out runs/report.html
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1280,900 --virtual-time-budget=3000 \
		--screenshot=docs/images/report.png "file://$$PWD/runs/report.html"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: $(BIN)/python pyproject.toml
	$(PIP) install --editable .
	touch $@

$(VENV)/.dev-ready: $(BIN)/python pyproject.toml
	$(PIP) install --editable '.[dev]'
	touch $(VENV)/.run-ready $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
