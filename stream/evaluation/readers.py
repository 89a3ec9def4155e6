"""Readers of the files and directories that are accepted as predictions or truth."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NoReturn, TypeAlias

from stream.errors import InputError, UsageError
from stream.evaluation.runs import holds_run, read_run, read_runs
from stream.evaluation.track import Track, TrackRow, described_track, make_row


def read_json(path: Path) -> list[Track]:
    """Read ``{stem: [segment, ...]}``, or the ``[segment, ...]`` of one unnamed clip.

    A segment has ``t_start_s`` and ``t_end_s``; optional are ``kind`` (default: anomalous) and ``detected_at_s``, the
    stream time at which its start was detected.

    Raises:
        InputError: the file cannot be read, is not JSON, or does not have this shape.
    """
    match _parse_json(path):
        case list(segments):
            return [Track(str(path), None, _segment_rows(str(path), segments))]
        case dict(clips) if clips:
            return [Track(str(path), stem, _segment_rows(f"{path}, clip {stem}", clips[stem])) for stem in clips]
        case other:
            raise InputError(
                f"{path} holds {_type_name(other)}, expected a list of segments or an object of such lists"
            )


def _parse_json(path: Path) -> object:
    text = read_text(path)
    try:
        parsed: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    return parsed


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _segment_rows(where: str, segments: object) -> tuple[TrackRow, ...]:
    if not isinstance(segments, list):
        raise InputError(f"{where}: it holds {_type_name(segments)}, expected a list of segments")
    return tuple(
        _segment_row(f"{where}, segment {number}", segment) for number, segment in enumerate(segments, start=1)
    )


def _segment_row(where: str, segment: object) -> TrackRow:
    if not isinstance(segment, dict):
        raise InputError(f"{where}: it is {_type_name(segment)}, expected an object with t_start_s and t_end_s")
    for key in ("t_start_s", "t_end_s"):
        if key not in segment:
            raise InputError(f"{where}: it has no {key}, only {', '.join(sorted(segment)) or 'nothing'}")
    return make_row(
        where,
        segment["t_start_s"],
        segment["t_end_s"],
        kind=segment.get("kind", "anomalous"),
        opened_at=segment.get("detected_at_s"),
    )


def _type_name(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


_START_COLUMNS = ("t_start_s", "start_s", "start", "start_time", "start_seconds_from_video_start")
_END_COLUMNS = ("t_end_s", "end_s", "end", "end_time", "end_seconds_from_video_start")

_CsvRow: TypeAlias = tuple[str, dict[str, str | None]]
"""File and line, and cells by column; None where the line is too short."""


def read_csv(path: Path) -> list[Track]:
    """Read rows with a start and an end, in seconds or ``mm:ss``.

    A file with the columns ``source_file`` and ``activity`` is a log of everything that happens in several clips. Any
    other file lists the events of one clip; its columns ``kind`` and ``detected_at_s`` are optional.

    Raises:
        InputError: the file cannot be read, lacks these columns, or lists an invalid event.
    """
    columns, lines = _parse_csv(path)
    start, end = _column(path, columns, _START_COLUMNS), _column(path, columns, _END_COLUMNS)
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


def _event_log(path: Path, lines: list[_CsvRow], start: str, end: str) -> list[Track]:
    if not lines:
        raise InputError(f"{path} is an event log without rows")
    by_clip = groupby(sorted(lines, key=_csv_stem), key=_csv_stem)
    return [
        described_track(
            f"{path}, clip {stem}",
            stem,
            ((where, cells[start], cells[end], f"{cells.get('process')}: {cells['activity']}") for where, cells in of),
        )
        for stem, of in by_clip
    ]


def _csv_stem(line: _CsvRow) -> str:
    return Path(line[1]["source_file"] or "").stem


def _parse_csv(path: Path) -> tuple[list[str], list[_CsvRow]]:
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
    raise InputError(f"{path} has the columns {', '.join(columns) or 'of no header'}, but none of {', '.join(names)}")


_TRANSCRIPT_LINE = re.compile(r"\[\s*(?P<start>[^\]]+?)\s+-\s+(?P<end>[^\]]+?)\s*\]\s*(?P<text>.*)")


def read_transcript(path: Path) -> list[Track]:
    """Read lines such as ``[00:01:22 - 00:01:24] what happens``: one clip, named after the file.

    Raises:
        InputError: the file cannot be read, or no line begins with times.
    """
    return [described_track(str(path), path.stem, _transcript_lines(path))]


def _transcript_lines(path: Path) -> Iterator[tuple[str, str, str, str]]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        where = f"{path}, line {number}"
        if parts := _TRANSCRIPT_LINE.fullmatch(line.strip()):
            yield where, parts["start"], parts["end"], parts["text"]
        elif line.strip():
            yield where, line[:30], "", line


def read_text(path: Path) -> str:
    """Read a text file, without its byte order mark.

    Raises:
        InputError: the file cannot be read or is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: byte {error.start} is invalid") from error


FORMATS: dict[str, Callable[[Path], list[Track]]] = {
    ".json": read_json,
    ".csv": read_csv,
    ".txt": read_transcript,
}
"""Readers of files, by suffix. A directory is a run if it holds ``events.jsonl``, else a directory of runs."""


def read_tracks(path: Path, annotation: str | None = None) -> list[Track]:
    """Read all clips of a file or directory; of runs the actions of ``annotation``, if it is named.

    Raises:
        InputError: it does not exist, or its content does not match its suffix.
        UsageError: there is no reader for the suffix of the file.
    """
    if path.is_dir():
        return read_run(path, annotation) if holds_run(path) else read_runs(path, annotation)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} is neither a run directory nor a file that ends in {' or '.join(FORMATS)}")
    return reader(path)
