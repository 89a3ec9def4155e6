"""``--log-format json``: every line that a run prints is one JSON object that names the run and the segment."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from stream.records.schema import events
from tests.support.runs import DEADLINE_S, make_clip_with_lens, manifest, run_cli, started, wait_for_event, worker_named

JSON = ("--encoder", "grid", "--log-format", "json")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    return make_clip_with_lens(tmp_path_factory.mktemp("worker"), seconds=6)


def lines(printed: str) -> list[dict[str, Any]]:
    """Each line, read; all of them have the fields that a log is sorted by."""
    records = [json.loads(line) for line in printed.splitlines()]
    assert all({"time", "level", "run_id", "segment_id"} <= line.keys() for line in records)
    return records


def test_run_outlives_the_reader_of_its_log(clip: Path, tmp_path: Path) -> None:
    """`egoclean-stream CLIP --log-format json | head -n 1` takes the first event; the run continues to its end."""
    with started(clip, *JSON, "--out", tmp_path) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "run.started"
        process.stdout.close()
        assert process.wait(DEADLINE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert json.loads((tmp_path / "clip" / "health.json").read_text())["state"] == "finished"


def test_warnings_of_a_process_say_whose_they_are(clip: Path, tmp_path: Path) -> None:
    """What the annotator's process complains of is a line with its name and its run; so is what ends the run."""
    nobody = ("--annotator", "openai", "--annotator-url", "http://127.0.0.1:9/v1", "--annotator-model", "m")
    result = run_cli(clip, *JSON, *nobody, "--annotator-wait-s", "0", "--out", tmp_path)
    assert result.returncode == 5
    message = lines(result.stderr)
    assert [(line["level"], line["process"]) for line in message] == [("warning", "annotate"), ("error", None)]
    assert message[0]["message"].startswith("http://127.0.0.1:9/v1 does not respond")
    assert {line["run_id"] for line in message} == {manifest(tmp_path / "clip")["run_id"]}


def test_death_of_a_process_is_the_last_line(clip: Path, tmp_path: Path) -> None:
    """The sentence with which a failed run ends is an error of that run."""
    with started(clip, *JSON, "--out", tmp_path, "--loop") as process:
        wait_for_event(tmp_path / "clip", lambda event: isinstance(event, events.SegmentOpened), process)
        worker_named(process, tmp_path / "clip", "encode").send_signal(signal.SIGKILL)
        _, notes = process.communicate(timeout=DEADLINE_S)
    last = lines(notes)[-1]
    assert (last["level"], last["message"]) == ("error", "the encode process was killed by SIGKILL")
    assert last["run_id"] == manifest(tmp_path / "clip")["run_id"]
