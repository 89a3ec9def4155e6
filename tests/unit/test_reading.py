"""A user's program reads a run with one import."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import stream.records
from stream.errors import InputError
from stream.records import RunFinished, RunStarted, SegmentClosed, open_run
from stream.records.schema.events import Event
from stream.records.schema.layout import RunLayout
from stream.records.store.arrays import GrowingArray
from stream.records.store.event_log import EventLog
from stream.records.store.keyframes import KeyframeCache

STARTED = RunStarted(run_id="r", source="clip.mp4", stem="clip", encoder="grid", annotator="none")
CLOSED = SegmentClosed("s0000", 0.0, 2.0, "typical", "end_of_stream", 2.0, windows=1)
FINISHED = RunFinished(
    decoded_s=2, annotated_s=0, skipped_s=2, failed_s=0, damaged_s=0, frames=60, packets_lost=0, windows=1, segments=1,
    anomalous=0, wall_s=1, exit_code=0,
)  # fmt: skip


def test_all_names_are_there() -> None:
    """Everything that is exported exists, and no name is listed twice."""
    assert all(hasattr(stream.records, name) for name in stream.records.__all__)
    assert sorted(set(stream.records.__all__)) == sorted(stream.records.__all__)


def test_every_kind_of_event_is_exported() -> None:
    """A program can name the class of whatever event it meets."""
    assert {each.__name__ for each in get_args(Event)} <= set(stream.records.__all__)


def test_growing_run_is_read(tmp_path: Path) -> None:
    """A directory that was renamed is read by the stem in its records; every call reads the files again."""
    layout = RunLayout(tmp_path / "renamed", "clip")
    layout.root.mkdir()
    with EventLog(layout.events) as log:
        log.append(STARTED)
        run = open_run(str(layout.root))
        assert (list(run.events()), run.segments(), run.actions(), run.finish()) == ([STARTED], [], [], None)
        KeyframeCache(layout.keyframes, 100).add(1.0, b"jpeg")
        for path, row in zip(layout.arrays, (np.ones(3), np.ones((2, 3)), np.array(0.5)), strict=True):
            array = GrowingArray(path, row.shape, "<f4")
            array.put(0, row)
            array.close()
        log.append(CLOSED)
        log.append(FINISHED)
    assert run.segments() == [CLOSED]
    assert run.finish() == FINISHED
    assert [path.name for path in run.keyframes(CLOSED)] == ["0000001000.jpg"]
    assert run.embeddings().shape == (1, 3)
    assert run.temporal_tokens().shape == (1, 2, 3)
    assert run.timestamps().tolist() == [0.5]
    assert [event.seq for event in run.follow(since=1)] == [1, 2]


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    """The message names the folder and what is missing."""
    with pytest.raises(InputError, match=r"holds no run: events\.jsonl is missing"):
        open_run(tmp_path)
