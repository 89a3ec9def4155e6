"""``--log-format json``: every line that a run prints is one JSON object that names the run and the segment."""

import json
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stream.records.schema import events
from tests.support.at_event import at_event
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import manifest, write_intrinsics

JSON = ("--encoder", "grid", "--log-format", "json")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    folder = tmp_path_factory.mktemp("worker")
    write_intrinsics(folder)
    return make_clip(folder / "clip.mp4", frames=180, key_every=30)


def lines(printed: str) -> list[dict[str, Any]]:
    """Each line, read; all of them have the fields that a log is sorted by."""
    records = [json.loads(line) for line in printed.splitlines()]
    assert all({"time", "level", "run_id", "segment_id"} <= line.keys() for line in records)
    return records


@pytest.mark.slow
def test_standard_output_is_the_events(clip: Path, tmp_path: Path) -> None:
    """Events are printed as they are on disk, each with its run and its segment. All other messages are JSON, too."""
    run_dir = tmp_path / "clip"
    with at_event(events.SegmentSkipped, partial(signal.raise_signal, signal.SIGTERM)):
        result = run_inline(clip, *JSON, "--out", tmp_path, "--loop", "--detector-max-segment-s", "4")
    assert result.returncode == 143
    printed = lines(result.stdout)
    on_disk = [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]
    assert [{name: line[name] for name in event} for line, event in zip(printed, on_disk, strict=True)] == on_disk
    run_id = manifest(run_dir)["run_id"]
    assert {line["run_id"] for line in printed} == {run_id}
    assert {line["segment_id"] for line in printed if line["event"] == "segment.closed"} >= {"s0000"}
    assert (printed[-1]["event"], printed[-1]["level"]) == ("run.failed", "error")
    (note,) = lines(result.stderr)
    assert (note["message"], note["level"], note["process"]) == ("this run cannot be resumed", "info", None)
    assert note["run_id"] == run_id


def test_errors_before_the_run_are_lines_of_none(tmp_path: Path) -> None:
    """A clip that cannot be read has no run, and its error names none, even among the runs of others."""
    write_intrinsics(tmp_path)
    good = make_clip(tmp_path / "good.mp4", frames=90)
    result = run_inline(good, tmp_path / "none.mp4", *JSON, "--out", tmp_path / "runs")
    assert result.returncode == 3
    message = lines(result.stderr)
    (error,) = [line for line in message if line["level"] == "error"]
    assert (error["run_id"], "none.mp4" in error["message"]) == (None, True)
    assert {line["run_id"] for line in message} == {None}
