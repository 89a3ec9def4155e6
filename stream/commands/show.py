"""``egoclean-stream show RUN...``: the segments of runs, as a table or for programs."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.values import Choice, PathName
from stream.errors import EgocleanError, ExitCode, UsageError
from stream.records.counts import RunCounts
from stream.records.folders import run_folders
from stream.records.listing import ListedRun, ListedSegment, RunListing, list_run
from stream.records.reading import layout_of
from stream.records.segment_filter import SegmentFilter
from stream.ui.counts import runs_text
from stream.ui.segment_documents import CsvDocument, JsonDocument
from stream.ui.segment_table import ColoredTable, SegmentView, TabbedLines, run_text
from stream.ui.standard_streams import echo
from stream.ui.text import count

_EXAMPLES = (
    ("The segments of a run", "show runs/clip"),
    ("The anomalous ones of all runs, the most unusual first", "show runs --anomalous --sort score"),
    ("What could not be described, and why", "show runs --failed"),
    ("For a spreadsheet", "show runs --csv > segments.csv"),
    ("For a program", "egoclean-stream show runs --json | jq .totals"),
)
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.PARTIAL, ExitCode.NO_ROOM, ExitCode.INTERNAL,
    ExitCode.SIGPIPE,
)  # fmt: skip


@dataclass(slots=True)
class RunReader:
    """Reads runs one after the other, and remembers all but their segments."""

    folders: list[Path]
    annotation: str | None = None
    """Name of the annotation that is shown of each; None: its default one."""
    runs: list[ListedRun] = field(default_factory=list)
    failures: list[tuple[Path, EgocleanError]] = field(default_factory=list)
    """Runs that cannot be read, and why."""

    @property
    def totals(self) -> RunCounts:
        """The sums over the runs so far."""
        return sum((run.counts for run in self.runs), RunCounts())

    @property
    def exit_code(self) -> int:
        """4 if some runs could not be read; that of the first error if none could."""
        if not self.failures:
            return ExitCode.DONE
        return ExitCode.PARTIAL if self.runs else self.failures[0][1].exit_code

    def read(self) -> Iterator[RunListing]:
        """Yield the runs."""
        for folder in self.folders:
            try:
                listing = list_run(folder, self.annotation)
            except EgocleanError as error:
                if len(self.folders) == 1:
                    raise
                self.failures.append((folder, error))
                continue
            self.runs.append(listing.run)
            yield listing


@command(examples=_EXAMPLES, exit_codes=_CODES, partial="done, but some runs could not be read")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PathName())
@own_option("--anomalous", is_flag=True, help="Anomalous segments only.")
@own_option("--idle", is_flag=True, help="Only segments in which nothing moves for at least half of the time.")
@own_option("--described", is_flag=True, help="Described segments only.")
@own_option("--failed", is_flag=True, help="Only segments that could not be described; with --described, both.")
@own_option("--clip", metavar="PATTERN", help="Only clips with such a name, as 'day_*'.")
@own_option("--segment", metavar="ID", help="Only the segment of this name, as s0007.")
@own_option("--annotation", metavar="NAME", show_default="the latest", help="Annotation to show.")
@own_option(
    "--sort",
    type=Choice(["time", "score"]),
    default="time",
    show_default=True,
    help="Order: clip by clip, or the highest score first.",
)
@own_option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@own_option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
def show(
    runs: tuple[Path, ...],
    *,
    anomalous: bool,
    idle: bool,
    described: bool,
    failed: bool,
    clip: str | None,
    segment: str | None,
    annotation: str | None,
    sort: str,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List the segments of runs.

    RUN is a run directory, finished or growing, or a folder of them. In a terminal, each run has a table; in a pipe,
    each segment has a line with tabs between its columns. What was found in all runs follows at the end, whatever is
    shown of it. A stretch that --detector-max-segment-s cut into several segments counts once there.

    `score` is the highest score of a window in the segment, `moving` the share of the picture that moves beside the
    head. Times are in seconds since the first decoded frame.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv contradict each other: give one")
    wanted = SegmentFilter(
        kinds=frozenset({"anomalous"} if anomalous else ()),
        outcomes=frozenset(name for name, is_set in (("described", described), ("failed", failed)) if is_set),
        idle=idle,
        clip=clip,
        segment_id=segment,
    )
    reader = RunReader([folder for path in runs for folder in run_folders(path)], annotation)
    print_segments = _show_json if as_json else _show_csv if as_csv else _show_table
    print_segments(reader, wanted, by_score=sort == "score")
    sys.exit(reader.exit_code)


def _show_json(reader: RunReader, wanted: SegmentFilter, *, by_score: bool) -> None:
    document = JsonDocument(sys.stdout)
    for segments, _ in _selected(reader, wanted, by_score=by_score):
        document.segments(segments)
    document.end(reader.runs, reader.totals, [(str(folder), str(error)) for folder, error in reader.failures])


def _show_csv(reader: RunReader, wanted: SegmentFilter, *, by_score: bool) -> None:
    document = CsvDocument(sys.stdout)
    for segments, _ in _selected(reader, wanted, by_score=by_score):
        document.segments(segments)
    for _, error in reader.failures:
        echo(f"not shown: {error}", err=True)


def _show_table(reader: RunReader, wanted: SegmentFilter, *, by_score: bool) -> None:
    console, shown = Console(highlight=False), 0
    view: SegmentView = ColoredTable(console) if console.is_terminal else TabbedLines(_clip_width(reader.folders))
    for segments, run in _selected(reader, wanted, by_score=by_score):
        shown += len(segments)
        if segments or wanted.is_empty or not console.is_terminal:
            view.segments(segments, run)
    for line in _summary(reader, has_headings=console.is_terminal and not by_score):
        view.line(line)
    if not wanted.is_empty:
        view.line(f"{shown:,} of {count(reader.totals.segments, 'segment')} shown")


def _summary(reader: RunReader, *, has_headings: bool) -> Iterator[str]:
    """What comes after the segments, unless a heading says it all: the totals, and runs that have not finished or have
    several annotations."""
    if not has_headings or len(reader.folders) > 1:
        yield ""
    if not has_headings:
        yield from (run_text(run) for run in reader.runs if run.state != "finished" or len(run.annotations) > 1)
    for _, error in reader.failures:
        yield f"not shown: {error}"
    if not has_headings or len(reader.folders) > 1:
        yield runs_text(reader.runs)


def _selected(
    reader: RunReader, wanted: SegmentFilter, *, by_score: bool
) -> Iterator[tuple[list[ListedSegment], ListedRun | None]]:
    """The segments that are shown: run by run, or those of all runs, which are then of none."""
    listings = reader.read()
    if not by_score:
        for listing in listings:
            yield [segment for segment in listing.segments if wanted.passes(segment)], listing.run
        return
    found = [segment for listing in listings for segment in listing.segments if wanted.passes(segment)]
    yield sorted(found, key=_unusual_first), None


def _unusual_first(segment: ListedSegment) -> float:
    return math.inf if segment.score_max is None else -segment.score_max


def _clip_width(folders: Sequence[Path]) -> int:
    return max(len(layout_of(folder).stem) for folder in folders)
