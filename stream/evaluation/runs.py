"""Reads the segments of run directories."""

from pathlib import Path

from stream.errors import DamagedError, InputError
from stream.evaluation.track import Track, TrackRow, make_row
from stream.records.reading import layout_of
from stream.records.schema import events
from stream.records.store.event_log import read_events
from stream.records.store.versions import require_readable


def holds_run(directory: Path) -> bool:
    """Whether this is a run directory."""
    return layout_of(directory).events.is_file()


def read_run(directory: Path) -> list[Track]:
    """The closed segments of one run, which may still be in progress.

    Raises:
        InputError: its event log cannot be read or is invalid.
        NewerVersionError: a newer version wrote it.
    """
    layout = layout_of(directory)
    path = layout.events
    try:
        require_readable(layout)
        run_events = list(read_events(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise InputError(f"{path} contains a line that is not an event: {error.what}") from error
    stem = next((event.stem for event in run_events if isinstance(event, events.RunStarted)), directory.name)
    *_, finished = None, *(event for event in run_events if isinstance(event, events.RunFinished))
    return [
        Track(
            where=str(directory),
            stem=stem,
            rows=tuple(_rows(directory, run_events)),
            duration_s=finished.decoded_s if finished else None,
            note=None if finished else f"{directory} has not finished: only the segments closed so far are evaluated",
        )
    ]


def read_runs(directory: Path) -> list[Track]:
    """All runs in a directory.

    Raises:
        InputError: there is none, or two are of the same clip.
    """
    runs = sorted(child for child in directory.iterdir() if holds_run(child))
    if not runs:
        raise InputError(f"{directory} is not a run directory and contains none: there is no events.jsonl")
    tracks = [track for run in runs for track in read_run(run)]
    for track in tracks:
        same = [other.where for other in tracks if other.stem == track.stem]
        if len(same) > 1:
            raise InputError(f"{' and '.join(same)} are runs of the same clip, {track.stem!r}: keep one of them")
    return tracks


def _rows(directory: Path, run_events: list[events.Event]) -> list[TrackRow]:
    opened_at_s = {
        event.segment_id: event.detected_at_s for event in run_events if isinstance(event, events.SegmentOpened)
    }
    return [
        make_row(
            f"{directory}, segment {event.segment_id}",
            event.t_start_s,
            event.t_end_s,
            kind=event.kind,
            opened_at=opened_at_s.get(event.segment_id),
            closed_at=_closed_at_s(event),
        )
        for event in run_events
        if isinstance(event, events.SegmentClosed)
    ]


def _closed_at_s(event: events.SegmentClosed) -> float | None:
    """When the detector detected the end; None if the clip ended first."""
    return None if event.closed_by == "end_of_stream" else event.detected_at_s
