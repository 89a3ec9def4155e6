"""The chain's results are on disk, complete and closed, at any moment."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from stream.config import Options
from stream.errors import EgocleanError
from stream.pipeline.facts import SegmentClosed, SegmentKind, SegmentOpened, SourceDamaged
from stream.pipeline.items import Barrier, Embedding, End, Item, Keyframe
from stream.records.schema import events
from stream.records.schema.generate import schemas
from stream.records.schema.layout import RunLayout
from stream.records.store.attempt import begin_attempt
from stream.records.store.checkpoint import newest_checkpoint, read_checkpoint
from stream.records.store.event_log import read_events
from stream.stages.record import Record


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """An empty run directory."""
    return RunLayout(tmp_path, "clip")


@pytest.fixture
def record(layout: RunLayout) -> Iterator[Record]:
    """The stage over it."""
    record = Record(layout, Options(source="clip.mp4"))
    yield record
    record.close()


def closed(number: int, start_s: float, end_s: float, kind: SegmentKind = "typical") -> list[Item]:
    """A segment, from its opening to its closing."""
    name = f"s{number:04}"
    return [
        SegmentOpened(name, start_s, kind, start_s),
        SegmentClosed(name, start_s, end_s, kind, "state_change", end_s + 3, int(end_s - start_s), 0.1, 0.2, 0.3, 0.25),
    ]


def embedding(index: int) -> Embedding:
    """A window that begins at its own number."""
    return Embedding(index, float(index), index + 2.1, np.full(4, index, np.float32), np.ones((2, 4), np.float16))


def give(record: Record, items: list[Item]) -> None:
    """Feed the stage."""
    for item in items:
        assert list(record.on_item(item)) == []


def test_events_match_the_schema_and_the_accounting_is_exact(record: Record, layout: RunLayout) -> None:
    """A run with damage and both kinds of segments gives valid events, a gapless partition and an exact accounting."""
    give(
        record, [SourceDamaged(3.0, 3.5, "packet lost", 15), *closed(0, 0.0, 60.0), *closed(1, 60.0, 72.5, "anomalous")]
    )
    give(record, [*closed(2, 72.5, 90.001), End("end_of_stream", 90.001, 2700, 15)])
    validator = jsonschema.Draft202012Validator(schemas()["events"])
    for line in layout.events.read_text().splitlines():
        validator.validate(json.loads(line))
    run_events = list(read_events(layout.events))
    assert [event.seq for event in run_events] == list(range(len(run_events)))
    segments = [event for event in run_events if isinstance(event, events.SegmentClosed)]
    assert segments[0].t_start_s == 0.0
    assert all(a.t_end_s == b.t_start_s for a, b in pairwise(segments))
    end = run_events[-1]
    assert isinstance(end, events.RunFinished)
    assert end.decoded_s == pytest.approx(end.annotated_s + end.failed_s + end.skipped_s + end.damaged_s, abs=5e-4)
    assert (end.damaged_s, end.exit_code, end.segments, end.anomalous) == (0.5, 4, 3, 1)


def test_an_accounting_mismatch_is_an_error(record: Record) -> None:
    """A run whose segments do not add up to the decoded time does not claim to have finished."""
    give(record, closed(0, 0.0, 60.0))
    with pytest.raises(EgocleanError, match="accounting does not add up"):
        record.on_item(End("end_of_stream", 61.0, 1830))


def test_checkpoints_come_with_stream_time(record: Record, layout: RunLayout) -> None:
    """There is one checkpoint for each 30 s of stream, at a barrier, and it counts the windows before that."""
    layout.durable_checkpoint.parent.mkdir()
    for index in range(95):
        give(record, [embedding(index), Barrier(index + 2.0, {})])
    marks = [event for event in read_events(layout.events) if isinstance(event, events.Checkpoint)]
    assert [(mark.t_s, mark.windows) for mark in marks] == [(30.0, 29), (60.0, 59), (90.0, 89)]
    assert read_checkpoint(layout.durable_checkpoint).t_s == 90.0
    newest = newest_checkpoint(layout)
    assert newest is not None
    assert (read_checkpoint(newest).t_s, read_checkpoint(newest).totals.windows) == (96.0, 95)


def test_an_older_attempt_writes_nothing_more(record: Record, layout: RunLayout) -> None:
    """When a newer attempt has begun, a process of an older one that still lives is stopped before it writes."""
    give(record, [Keyframe(0.0, 64, 36, b"jpeg"), *closed(0, 0.0, 5.0)])
    begin_attempt(layout)
    there = {path: path.read_bytes() for path in layout.root.rglob("*") if path.is_file()}
    for item in (Keyframe(5.0, 64, 36, b"jpeg"), SegmentOpened("s0001", 5.0, "typical", 8.0), Barrier(6.0, {})):
        with pytest.raises(EgocleanError, match="attempt 1 has begun"):
            record.on_item(item)
    with pytest.raises(EgocleanError, match="must not write"):
        Record(layout, Options(source="clip.mp4"))
    assert {path: path.read_bytes() for path in layout.root.rglob("*") if path.is_file()} == there


def test_keyframes_are_durable_before_their_segment_is_announced(record: Record, layout: RunLayout) -> None:
    """When a segment is closed its keyframes are in the keyframe cache, counted, and identified by their digest."""
    give(record, [Keyframe(float(t), 64, 36, b"jpeg%d" % t) for t in range(12)])
    give(record, [*closed(0, 0.0, 5.0), *closed(1, 5.0, 12.0)])
    first, second = (e for e in read_events(layout.events) if isinstance(e, events.SegmentClosed))
    assert (first.keyframes, second.keyframes) == (5, 7)
    assert first.frames_digest != second.frames_digest
    assert len(list(layout.keyframes.iterdir())) == 12


def test_stopped_run_has_no_end(record: Record, layout: RunLayout) -> None:
    """A stream that was stopped leaves the last word to the supervisor: no run.finished is written."""
    give(record, [*closed(0, 0.0, 60.0), End("stopped", 70.0, 2100)])
    assert not [event for event in read_events(layout.events) if isinstance(event, events.RunFinished)]
