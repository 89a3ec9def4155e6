"""Reads the segments of run directories."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from stream.errors import DamagedError, InputError
from stream.evaluation.track import Track, TrackRow, described_track, make_row
from stream.records.reading import layout_of, open_run
from stream.records.schema import events
from stream.records.schema.annotations import Action
from stream.records.store.event_log import read_events
from stream.records.store.versions import require_readable

IDLE: Final = "idle"
"""The text of an action in which nothing is done."""


def holds_run(directory: Path) -> bool:
    """Whether this is a run directory."""
    return layout_of(directory).events.is_file()


def read_run(directory: Path, annotation: str | None = None) -> list[Track]:
    """The closed segments of one run, which may still be in progress; or the actions of one of its annotations.

    Raises:
        InputError: its event log cannot be read or is invalid, or it has no annotation of that name.
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
    if annotation is not None:
        return [_actions(directory, stem, annotation, finished)]
    return [
        Track(
            where=str(directory),
            stem=stem,
            rows=tuple(_rows(directory, run_events)),
            duration_s=finished.decoded_s if finished else None,
            note=None if finished else f"{directory} has not finished: only the segments closed so far are evaluated",
        )
    ]


def read_runs(directory: Path, annotation: str | None = None) -> list[Track]:
    """All runs in a directory, as ``read_run``.

    Raises:
        InputError: there is none, or two are of the same clip.
    """
    runs = sorted(child for child in directory.iterdir() if holds_run(child))
    if not runs:
        raise InputError(f"{directory} is not a run directory and contains none: there is no events.jsonl")
    tracks = [track for run in runs for track in read_run(run, annotation)]
    for track in tracks:
        same = [other.where for other in tracks if other.stem == track.stem]
        if len(same) > 1:
            raise InputError(f"{' and '.join(same)} are runs of the same clip, {track.stem!r}: keep one of them")
    return tracks


def _actions(directory: Path, stem: str, annotation: str, finished: events.RunFinished | None) -> Track:
    """The actions of an annotation, which describe in words everything that happens."""
    name = f"{directory}, annotation {annotation}"
    actions = open_run(directory, annotation).actions()
    lines = (_line(f"{name}, action {each.action_id}", each) for each in actions)
    return replace(described_track(name, stem, lines), duration_s=finished.decoded_s if finished else None)


def _line(where: str, action: Action) -> tuple[str, float, float, str]:
    """An action as a line of a transcript: its subtask, or ``idle``."""
    return where, action.t_start_s, action.t_end_s, action.ecot.subtask if action.ecot else IDLE


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
