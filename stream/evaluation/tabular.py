"""CSV with a header: lists of events, and event logs made from transcripts."""

import csv
import io
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from stream.errors import InputError
from stream.evaluation.text import read_text
from stream.evaluation.track import Track, described_track, make_row

_STARTS = ("t_start_s", "start_s", "start", "start_time", "start_seconds_from_video_start")
_ENDS = ("t_end_s", "end_s", "end", "end_time", "end_seconds_from_video_start")

_Line: TypeAlias = tuple[str, dict[str, str | None]]
"""Where it stands, and its cells by column; None where the line is too short."""


def read_csv(path: Path) -> list[Track]:
    """Rows with a start and an end, in seconds or ``mm:ss``.

    With columns ``source_file`` and ``activity`` it is an event log that tells all that happens in several clips.
    Otherwise it lists the events of one clip, and may have columns ``kind`` and ``detected_at_s``.

    Raises:
        InputError: if the file cannot be read, has no such columns, or a listed event is broken.
    """
    columns, lines = _parsed(path)
    start, end = _column(path, columns, _STARTS), _column(path, columns, _ENDS)
    if {"source_file", "activity"} <= set(columns):
        return _event_log(path, lines, start, end)
    rows = (
        make_row(
            where,
            cells[start],
            cells[end],
            kind=cells.get("kind", "anomalous"),
            opened_at=cells.get("detected_at_s") or None,
        )
        for where, cells in lines
    )
    return [Track(str(path), None, tuple(rows))]


def _event_log(path: Path, lines: list[_Line], start: str, end: str) -> list[Track]:
    if not lines:
        raise InputError(f"{path} is an event log without a row: it names no clip")
    by_clip = groupby(sorted(lines, key=_stem), key=_stem)
    return [
        described_track(
            f"{path}, clip {stem}",
            stem,
            ((where, cells[start], cells[end], f"{cells.get('process')}: {cells['activity']}") for where, cells in of),
        )
        for stem, of in by_clip
    ]


def _stem(line: _Line) -> str:
    return Path(line[1]["source_file"] or "").stem


def _parsed(path: Path) -> tuple[list[str], list[_Line]]:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        columns = list(reader.fieldnames or ())
        return columns, [(f"{path}, line {reader.line_num}", cells) for cells in reader]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: it is not CSV: {error}") from error


def _column(path: Path, columns: list[str], names: Iterable[str]) -> str:
    for name in names:
        if name in columns:
            return name
    raise InputError(
        f"{path} has the columns {', '.join(columns) or 'of no header'}, and none is named {' or '.join(names)}"
    )
