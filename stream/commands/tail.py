"""``egoclean-stream tail RUN``: follow a run from outside, without disturbing it."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

from stream.commands.command import BY_SIGNAL, command
from stream.commands.option import own_option
from stream.commands.values import PathName, Whole
from stream.errors import ExitCode
from stream.records.follower import follow, pause
from stream.records.reading import layout_of
from stream.records.schema.events import Event
from stream.records.schema.health import Health, read_health
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import read_manifest
from stream.records.schema.options import by_path
from stream.records.store.versions import require_readable
from stream.ui.standard_streams import never_wait
from stream.ui.view import LiveView, View

_EXAMPLES = (
    ("Follow a run in a terminal", "tail runs/clip"),
    ("Begin with the last five events", "tail runs/clip -n 5"),
    ("Print new events only, as JSON lines", "egoclean-stream tail runs/clip --since 120 | jq .event"),
)


@command(
    examples=_EXAMPLES,
    exit_codes=(ExitCode.DONE, ExitCode.USAGE, ExitCode.NO_ROOM, ExitCode.INTERNAL, *BY_SIGNAL, ExitCode.SIGPIPE),
)
@click.argument("run", type=PathName())
@own_option(
    "--since",
    type=Whole(0, 10**12),
    default=0,
    show_default=True,
    metavar="SEQ",
    help="First event to show, by its number.",
)
@own_option("-n", "--last", type=Whole(0, 10**12), metavar="N", help="Begin with the last N events so far.")
def tail(run: Path, since: int, last: int | None) -> None:
    """Follow the run directory RUN.

    In a terminal, shows a live table; in a pipe, prints each event as one line of JSON. RUN need not exist yet. The
    command ends after the run's last event; stopping it earlier does not disturb the run.
    """
    require_readable(RunLayout(run, run.name))
    events = run / "events.jsonl"
    if last is not None:
        since = max(since, _count(events) - last)
    console = Console()
    if console.is_terminal:
        never_wait()
        view = LiveView(console)
        pace = Pace(run, view)
        show_table(follow(events, since, pace.wait), view)
    else:
        print_lines(follow(events, since))


def _count(events: Path) -> int:
    """How many events there are: they are numbered from 0, one a line."""
    try:
        with events.open("rb") as file:
            return sum(line.endswith(b"\n") for line in file)
    except FileNotFoundError:
        return 0


def print_lines(news: Iterator[tuple[Event, bytes]]) -> None:
    """The pipe's view: every event, as it is in the log; a reader that goes away ends it."""
    for _, line in news:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


class Pace:
    """Position and speed of a run from its heartbeats, since events are rare."""

    def __init__(self, run: Path, view: View) -> None:
        self._layout = layout_of(run)
        self._view = view
        self._first: Health | None = None

    def wait(self) -> None:
        """Show it, and pause."""
        try:
            self._show(read_health(self._layout.health))
        except (OSError, ValueError):  # the run has not begun, or is just starting over
            self._first = None
        pause()

    def _show(self, beat: Health) -> None:
        if self._first is None or beat.decoded_s < self._first.decoded_s:
            self._first = beat
        passed = datetime.fromisoformat(beat.time) - datetime.fromisoformat(self._first.time)
        passed_s = passed.total_seconds()
        speed = (beat.decoded_s - self._first.decoded_s) / passed_s if passed_s else 0.0
        manifest = read_manifest(self._layout.manifest)
        duration_s = None if by_path(manifest.options, "input.loop") else manifest.source.stream.get("declared_s")
        self._view.progress(beat.decoded_s, duration_s, speed)


def show_table(news: Iterator[tuple[Event, bytes]], view: View) -> None:
    """The terminal's view."""
    try:
        for event, _ in news:
            view.event(event)
    finally:
        view.close()
