"""Checks of runs of a camera."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from stream.records.schema import events
from stream.records.store.event_log import read_events


def events_of_only_run(out: Path) -> list[events.Event]:
    (run_dir,) = (path for path in out.iterdir() if path.is_dir())
    return list(read_events(run_dir / "events.jsonl"))


def assert_whole(run_events: list[events.Event], run_dir: Path) -> None:
    """Events are numbered without holes, segments partition the time around gaps, and every window has its row."""
    assert [event.seq for event in run_events] == list(range(len(run_events)))
    closed = [event for event in run_events if isinstance(event, events.SegmentClosed)]
    assert [event.segment_id for event in closed] == [f"s{number:04d}" for number in range(len(closed))]
    assert [event.segment_id for event in run_events if isinstance(event, events.SegmentOpened)] == [
        event.segment_id for event in closed
    ]
    borders = [(a.t_end_s, b.t_start_s) for a, b in pairwise(closed) if a.t_end_s != b.t_start_s]
    gaps = [(event.t_start_s, event.t_end_s) for event in run_events if isinstance(event, events.SourceGap)]
    assert borders == [(start_s, end_s) for start_s, end_s in gaps if start_s < end_s]
    finish = run_events[-1]
    assert isinstance(finish, events.RunFinished)
    assert finish.segments == len(closed)
    times_s = np.load(run_dir / f"{run_dir.name}_ts.npy")
    assert len(times_s) == finish.windows
    assert (np.diff(times_s) > 0).all()
