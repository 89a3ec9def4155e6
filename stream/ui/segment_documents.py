"""Segments for programs: one JSON document, or CSV with a line for each. Both are written as the runs are read."""

import csv
import json
from collections.abc import Iterable
from typing import Any, Final, TextIO

from stream.errors import printable
from stream.records.counts import RunCounts
from stream.records.listing import ListedRun, ListedSegment

_HEAD: Final = '{"v": 1, "segments": [\n'
COLUMNS: Final = tuple(ListedSegment.model_fields)


class JsonDocument:
    """``{"v": 1, "segments": [...], "runs": [...], "totals": {...}, "not_shown": [...]}``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = False

    def segments(self, segments: Iterable[ListedSegment]) -> None:
        """Write segments."""
        for segment in segments:
            self._stream.write((",\n" if self._begun else _HEAD) + json.dumps(segment.model_dump()))
            self._begun = True

    def end(self, runs: Iterable[ListedRun], totals: RunCounts, not_shown: Iterable[tuple[str, str]]) -> None:
        """Write the runs, their sums, and the run directories that cannot be read, each with the reason."""
        rest: dict[str, Any] = {
            "runs": [run.model_dump() for run in runs],
            "totals": totals.model_dump(),
            "not_shown": [{"run_dir": run_dir, "reason": reason} for run_dir, reason in not_shown],
        }
        head = "" if self._begun else _HEAD
        self._stream.write(f"{head}\n], {json.dumps(rest, indent=1)[1:-1].strip()}\n}}\n")


class CsvDocument:
    """A header and a line for each segment; several subtasks or objects have ``; `` between them."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._begun = False

    def segments(self, segments: Iterable[ListedSegment]) -> None:
        """Write segments."""
        if not self._begun:  # not before the first run has been read: its error may be all there is to say
            self._writer.writerow(COLUMNS)
            self._begun = True
        self._writer.writerows(map(_row, segments))


def _row(segment: ListedSegment) -> list[object]:
    return [_cell(getattr(segment, name)) for name in COLUMNS]


def _cell(value: object) -> object:
    match value:
        case tuple():
            return printable("; ".join(value))
        case str():
            return printable(value)
        case _:
            return value
