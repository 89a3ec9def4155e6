"""Segments as a table for people: with colours in a terminal, with a tab between its columns in a pipe."""

import sys
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final, Protocol

from rich.console import Console, OverflowMethod
from rich.text import Text

from stream.errors import printable
from stream.records.listing import ListedRun, ListedSegment
from stream.records.schema.events import NO_ANNOTATOR, ONLY_ANOMALOUS
from stream.ui.counts import counts_text
from stream.ui.standard_streams import echo
from stream.ui.text import clock

_COLUMNS: Final = {"segment": 7, "from": 9, "to": 9, "kind": 9, "score": 5, "moving": 6}
"""Characters of each column, so that the last one gets the rest of the line."""
_CLIP_CHARACTERS: Final = 20
"""Most characters of a clip's name in a terminal's column."""
STATE_STYLES: Final = {"finished": "green", "running": "cyan", "stopped": "yellow", "failed": "red"}
_KIND_STYLES: Final = {"anomalous": "yellow", "unknown": "dim"}
_EXPECTED: Final = (NO_ANNOTATOR, ONLY_ANOMALOUS)
"""Reasons that follow from the run's options, and say nothing about a segment."""
_OUTCOME_STYLES: Final = {"described": "green", "failed": "red", "pending": "cyan"}


class SegmentView(Protocol):
    """Shows segments, and the runs that they are of."""

    def segments(self, segments: Iterable[ListedSegment], run: ListedRun | None) -> None:
        """Show segments of one run, or, if that is None, of several."""
        ...

    def line(self, text: str) -> None:
        """Show a line behind the segments."""
        ...


class ColoredTable:
    """A table for each run, under its name, that fits the terminal; a word that does not ends with an ellipsis.

    Where the terminal has no ellipsis, the word is cut.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shows_several = False
        self._overflow: OverflowMethod = "ellipsis" if console.encoding.startswith("utf") else "crop"

    def segments(self, segments: Iterable[ListedSegment], run: ListedRun | None) -> None:
        if run is not None:
            self._console.print(_heading(run) if not self._shows_several else Text("\n").append_text(_heading(run)))
            self._shows_several = True
        named = {} if run else {"clip": _CLIP_CHARACTERS}
        widths = tuple({**named, **_COLUMNS}.values())
        header = [Text(name, "dim") for name in (*named, *_COLUMNS)]
        has_header = False
        for segment in segments:
            if not has_header:
                self._row(header, widths)
                has_header = True
            cells = [Text(cell) for cell in (*_figures(segment), _words(segment))]
            cells[3].style = _KIND_STYLES.get(segment.kind, "")
            cells[-1].style = _OUTCOME_STYLES.get(segment.outcome, "")
            self._row(cells if run else [Text(printable(segment.clip)), *cells], widths)

    def line(self, text: str) -> None:
        self._console.print(Text(printable(text)))

    def _row(self, cells: Sequence[Text], widths: Sequence[int]) -> None:
        """Print a line, cut at the terminal's width; the cell behind the last width takes what is left of it."""
        row = Text(" ", end="").join(self._fitted(cell, width) for cell, width in zip_longest(cells, widths))
        row.truncate(self._console.width, overflow=self._overflow)
        self._console.print(row, soft_wrap=True)

    def _fitted(self, cell: Text, width: int | None) -> Text:
        if width is not None:
            cell.truncate(width, overflow=self._overflow, pad=True)
        return cell


class TabbedLines:
    """A line for each segment, also of several runs: its clip first, a tab between columns, which are aligned."""

    def __init__(self, clip_width: int) -> None:
        """``clip_width``: characters of the longest clip's name."""
        self._widths = (max(clip_width, len("clip")), *_COLUMNS.values(), len("described"), 0)
        self._has_header = False

    def segments(self, segments: Iterable[ListedSegment], run: ListedRun | None) -> None:  # noqa: ARG002 - a line has it
        if not self._has_header:
            self._line(("clip", *_COLUMNS, "outcome", "words"))
            self._has_header = True
        for segment in segments:
            self._line((printable(segment.clip), *_figures(segment), segment.outcome, _words(segment)))

    def line(self, text: str) -> None:
        echo(text)

    def _line(self, cells: Sequence[str]) -> None:
        sys.stdout.write("\t".join(cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)) + "\n")


def run_text(run: ListedRun) -> str:
    """A run in one line: its clip, its state and what was found."""
    return f"{run.clip}  {run.state_text}; {counts_text(run.counts)}{_annotation_text(run)}"


def _annotation_text(run: ListedRun) -> str:
    """Which annotation is shown, if there are several."""
    if len(run.annotations) < 2:
        return ""
    return f"; annotation {run.annotation or 'none'} of {', '.join(run.annotations)}"


def _heading(run: ListedRun) -> Text:
    state = printable(run.state_text)
    lens = f"; lens: {printable(run.lens)}" if run.lens else ""
    found = f"; {counts_text(run.counts)}{_annotation_text(run)}{lens}"
    return Text.assemble((printable(run.clip), "bold"), "  ", (state, STATE_STYLES[run.state]), found)


def _figures(segment: ListedSegment) -> tuple[str, ...]:
    return (
        printable(segment.segment_id),
        clock(segment.t_start_s),
        clock(segment.t_end_s),
        segment.kind,
        "" if segment.score_max is None else f"{segment.score_max:.3f}",
        "" if segment.activity is None else f"{100 * segment.activity:.1f}%",
    )


def _words(segment: ListedSegment) -> str:
    """The description, or why there is none, and what else is special about a segment."""
    parts = []
    match segment.outcome:
        case "described":
            words = "; ".join(segment.subtasks) or "idle"
            parts.append(f"{words} ({', '.join(segment.objects)})" if segment.objects else words)
        case "failed":
            parts.append(f"failed: {segment.reason}")
        case "skipped" if segment.reason not in _EXPECTED:
            parts.append(segment.reason)
        case "pending":
            parts.append("to be described")
        case _:
            pass
    if segment.stretch != segment.segment_id:
        parts.append(f"continues {segment.stretch}")
    if segment.idle_s:
        parts.append(f"idle for {segment.idle_s:.1f} s")
    if segment.judged_from_s is not None and segment.judged_from_s > segment.t_start_s:
        parts.append(f"judged from {clock(segment.judged_from_s)}")
    if segment.period_s is not None:
        parts.append(f"every {segment.period_s:.1f} s")
    if segment.damaged_s:
        parts.append(f"{segment.damaged_s:.1f} s lost")
    return printable(", ".join(parts))
