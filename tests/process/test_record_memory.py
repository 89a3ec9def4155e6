"""What the writer of the records holds grows with the clip by a segment's outcome, and by nothing else."""

import gc
import os
import pathlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.pipeline.items import Item
from stream.records.schema.layout import RunLayout
from stream.stages.record import Record
from tests.support.annotated import JPEG_BYTES, SECONDS, options, recording, segment

_SETTLED, _SEGMENTS = 200, 450
_BYTES_A_SEGMENT = 256
"""Name and outcome, and their place in a table that doubles now and then."""

_NOT_INTERNED = tracemalloc.Filter(False, pathlib.__file__)  # noqa: FBT003 - its own order of arguments
"""The interpreter's table of all names in paths, which is rewritten, not grown, as names come and go."""


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forced to disk: thousands of keyframes would take minutes."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.mark.usefixtures("quick_disk")
def test_segments_leave_no_more_than_their_names(tmp_path: Path) -> None:
    """With a full keyframe cache each further segment costs a few hundred bytes, with any record of it."""
    layout = RunLayout(tmp_path, "clip")
    with recording(layout, options({"annotator.name": "none", "keyframes.cache_mib": 1})) as record:
        assert _SETTLED * SECONDS * JPEG_BYTES > 0.9 * 2**20
        _record(record, _segments(0, _SETTLED))
        tracemalloc.start()
        try:
            _record(record, _segments(_SETTLED, _SEGMENTS))
            gc.collect()
            snapshot = tracemalloc.take_snapshot().filter_traces([_NOT_INTERNED])
        finally:
            tracemalloc.stop()
    spooled_bytes = 160 * 2**20 // JPEG_BYTES  # a name and a size for each keyframe, and their places in the table
    held_bytes = sum(each.size for each in snapshot.statistics("filename"))
    assert held_bytes < spooled_bytes + _BYTES_A_SEGMENT * (_SEGMENTS - _SETTLED)


def _segments(first: int, end: int) -> Iterator[Item]:
    for number in range(first, end):
        yield from segment(number)


def _record(record: Record, items: Iterator[Item]) -> None:
    for item in items:
        list(record.on_item(item))
        list(record.on_notify(0.0))
