"""Run directories as one side of an evaluation."""

from pathlib import Path

from stream.errors import DamagedError, InputError
from stream.evaluation.track import Row, Track, make_row
from stream.records.reading import layout_of
from stream.records.schema import events
from stream.records.store.event_log import read_events


def holds_run(directory: Path) -> bool:
    """Whether this is a run's directory."""
    return layout_of(directory).events.is_file()


def read_run(directory: Path) -> list[Track]:
    """The closed segments of one run, growing or finished.

    Raises:
        InputError: if its log is not one.
    """
    path = layout_of(directory).events
    try:
        told = list(read_events(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise InputError(f"{path} holds a line that is no event of a run: {error.what}") from error
    stem = next((event.stem for event in told if isinstance(event, events.RunStarted)), directory.name)
    *_, finished = None, *(event for event in told if isinstance(event, events.RunFinished))
    return [
        Track(
            where=str(directory),
            stem=stem,
            rows=tuple(_rows(directory, told)),
            duration_s=finished.decoded_s if finished else None,
            note=None if finished else f"{directory} has not finished: its closed segments are judged, no more",
        )
    ]


def read_runs(directory: Path) -> list[Track]:
    """All runs that lie in a directory.

    Raises:
        InputError: if there is none, or two are of the same clip.
    """
    runs = sorted(child for child in directory.iterdir() if holds_run(child))
    if not runs:
        raise InputError(f"{directory} is no run directory and holds none: there is no events.jsonl")
    tracks = [track for run in runs for track in read_run(run)]
    for track in tracks:
        same = [other.where for other in tracks if other.stem == track.stem]
        if len(same) > 1:
            raise InputError(f"{' and '.join(same)} are runs of the same clip, {track.stem!r}: keep one of them")
    return tracks


def _rows(directory: Path, told: list[events.Event]) -> list[Row]:
    opened_at_s = {event.segment_id: event.detected_at_s for event in told if isinstance(event, events.SegmentOpened)}
    return [
        make_row(
            f"{directory}, segment {event.segment_id}",
            event.t_start_s,
            event.t_end_s,
            kind=event.kind,
            opened_at=opened_at_s.get(event.segment_id),
            closed_at=_closed_at_s(event),
        )
        for event in told
        if isinstance(event, events.SegmentClosed)
    ]


def _closed_at_s(event: events.SegmentClosed) -> float | None:
    """When the detector knew the end; None where it was the clip that ended."""
    return None if event.closed_by == "end_of_stream" else event.detected_at_s
