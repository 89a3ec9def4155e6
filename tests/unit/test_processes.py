"""The table of processes: complete, consistent, and the only place that names a process."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

import stream
from stream.config import Options
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import begin_attempt
from stream.runtime.processes import ANNOTATE, INGEST, PROCESSES, processes
from stream.runtime.socket_folder import _NAME_BYTES_MAX
from stream.runtime.work import build
from tests.support.clips import make_clip

COMMANDS = Path(stream.__file__).parent / "cli.py"
"""Two commands are named like processes."""


def test_nothing_outside_the_table_names_a_process() -> None:
    """No other module holds the name of a process as a string, but for the names of stages and commands."""
    quoted = re.compile(rf'"({"|".join(PROCESSES)})"')
    matches = []
    for package in ("stream", "models", "exporters"):
        for path in (Path(stream.__file__).parents[1] / package).rglob("*.py"):
            if path.name != "processes.py" and path != COMMANDS:
                lines = enumerate(path.read_text().splitlines(), start=1)
                matches += [f"{path}:{n}: {line}" for n, line in lines if quoted.search(line) and "name = " not in line]
    assert matches == []


def test_a_run_has_the_processes_that_its_options_ask_for() -> None:
    """An annotator has a process of its own; every process that answers requests follows its client."""
    without = Options(source="clip.mp4")
    assert list(processes(without)) == [spec for spec in PROCESSES.values() if spec is not ANNOTATE]
    assert list(processes(without.replace({"annotator.name": "openai"}))) == list(PROCESSES.values())
    assert all(before.requests is None for before, spec in pairwise(PROCESSES.values()) if spec.requests)
    assert all(spec.requests for spec in PROCESSES.values() if spec.restarts_alone)


def test_names_fit_into_a_socket_s_path() -> None:
    assert max(map(len, PROCESSES)) <= _NAME_BYTES_MAX


def test_stages_of_all_processes_have_different_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their states are saved side by side; the first process alone has a source."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    clip = make_clip(tmp_path / "clip.mp4", frames=30)
    layout = RunLayout(tmp_path / "run", "clip")
    layout.root.mkdir()
    begin_attempt(layout)
    options = Options(source=str(clip)).replace({"lens.rectify": False, "encoder.name": "grid"})
    works = {spec: build(spec, options, layout, attempt=1) for spec in processes(options)}
    names = [name for work in works.values() for name in work.stage.snapshot()]
    assert names == ["decode", "rectify", "motion", "embed", "store", "detect", "record"]
    assert [spec for spec, work in works.items() if work.source] == [INGEST]
    for work in works.values():
        work.stage.close()
