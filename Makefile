# On a fresh machine with Python 3.11 or later, each of these does its own set-up:
#   make demo   render a clip, run the whole chain on it, print its segments
#   make test   linters, type checker, import rule, all tests
# While you work:
#   make test-fast   in a minute: the tests that start no process, without those marked slow
#   make test-lowest   these and the slow ones, with the lowest versions that pyproject.toml allows, in .venv-lowest
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
LOCK = docker/requirements-dev.lock
LOWEST_VENV ?= .venv-lowest
LOWEST_LOCK = docker/requirements-lowest.lock
FAST_TESTS = pytest tests/unit tests/chain -n 2 --dist loadfile --hypothesis-profile=fast

# Python keeps what it compiled, and pytest the modules that it rewrote: collecting then takes half as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-fast test-lowest test-image lint bench pictures clean

demo: $(VENV)/.run-ready
	$(BIN)/egoclean-stream demo

test: lint
	$(BIN)/python -m pytest -n 3 --dist worksteal

test-fast: $(VENV)/.dev-ready
	$(BIN)/python -m $(FAST_TESTS) -m "not slow"

test-lowest: $(LOWEST_VENV)/.ready
	$(LOWEST_VENV)/bin/python -m $(FAST_TESTS)

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
	$(BIN)/python -m tests.tools.live_picture runs/demo_clip/demo.mp4 docs/images/live.svg
	$(BIN)/egoclean-stream report runs/demo --out runs/report.html
	$(BIN)/python -m tests.tools.report_picture runs/report.html docs/images/report.png
	$(BIN)/egoclean-stream align demo --width 320 --out runs/align_demo
	$(BIN)/egoclean-stream align compare runs/align_demo/episodes/bench.hdf5 runs/align_demo/aligned/bench.h5 \
		--frames 8,22 --theme light --out runs/align_demo/compare
	cp runs/align_demo/compare/contact_sheet.png docs/images/aligned.png

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: $(BIN)/python pyproject.toml $(LOCK)
	@echo 'Installing egoclean-stream and the packages for plots into $(VENV): one to three minutes, once'
	$(PIP) install --constraint $(LOCK) --editable '.[plots]'
	touch $@

$(VENV)/.dev-ready: $(BIN)/python pyproject.toml $(LOCK)
	@echo 'Installing all extras, torch among them, and the tools for tests into $(VENV): some minutes, once'
	$(PIP) install --constraint $(LOCK) --editable '.[dev]'
	$(BIN)/python -c 'import matplotlib.font_manager'  # once, it starts fc-list, and no fast test may start a process
	touch $(VENV)/.run-ready $@

$(LOWEST_VENV)/.ready: pyproject.toml $(LOWEST_LOCK)
	@echo 'Installing the lowest versions, with a torch of several GB, into $(LOWEST_VENV): some minutes, once'
	$(PYTHON) -m venv $(LOWEST_VENV)
	$(LOWEST_VENV)/bin/python -m pip --disable-pip-version-check install --constraint $(LOWEST_LOCK) --editable '.[test]'
	$(LOWEST_VENV)/bin/python -c 'import matplotlib.font_manager'
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST_VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
