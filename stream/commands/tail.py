"""``egoclean-stream tail [RUN]``: follow a run, or a folder of runs, from outside, without disturbing them."""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import click

from stream.commands.command import BY_SIGNAL, command
from stream.commands.option import own_option
from stream.commands.values import PathName, Whole
from stream.errors import EgocleanError, ExitCode
from stream.records.folders import runs_in
from stream.records.follower import Follower, follow, pause
from stream.records.run_annotations import AnnotationFilter, filter_for
from stream.records.schema.layout import RUNS, RunLayout
from stream.records.store.event_log import read_events
from stream.records.store.versions import require_readable
from stream.ui.live import LiveScreen
from stream.ui.run_tail import RunTail
from stream.ui.screen import standard_console
from stream.ui.standard_streams import echo, never_wait
from stream.ui.text import count

First: TypeAlias = Callable[[Path], int]
"""The number of the first event to show of a run."""
Wanted: TypeAlias = Callable[[Path], AnnotationFilter]
"""Which of its events are shown."""
_EXAMPLES = (
    ("Follow a run in a terminal", "tail runs/clip"),
    ("Begin with the last five events", "tail runs/clip -n 5"),
    ("Follow the newest run in runs/", "tail"),
    ("or all of them", "tail --all"),
    ("Print new events only, as JSON lines", "egoclean-stream tail runs/clip --since 120 | jq .event"),
)


@command(
    examples=_EXAMPLES,
    exit_codes=(ExitCode.DONE, ExitCode.USAGE, ExitCode.NO_ROOM, ExitCode.INTERNAL, *BY_SIGNAL, ExitCode.SIGPIPE),
)
@click.argument("run", type=PathName(), default=RUNS, envvar="EGOCLEAN_OUT")
@own_option("--all", "every", is_flag=True, help="Follow all runs of a folder, also later ones, until stopped.")
@own_option(
    "--since",
    type=Whole(0, 10**12),
    default=0,
    show_default=True,
    metavar="SEQ",
    help="First event to show, by its number.",
)
@own_option("--annotation", metavar="NAME", show_default="all in a pipe, else the latest", help="Annotation to show.")
@own_option("-n", "--last", type=Whole(0, 10**12), metavar="N", help="Begin with the last N events so far.")
def tail(run: Path, since: int, annotation: str | None, last: int | None, *, every: bool) -> None:
    """Follow a run.

    In a terminal, shows its segments and how far it is; in a pipe, prints each event as one line of JSON. The command
    ends after the run's last event; stopping it earlier does not disturb the run. Where segments were described several
    times, a terminal shows the latest complete annotation and any that is growing; a pipe gets the whole log.

    RUN is a run directory, or a folder of run directories, of which the newest is followed. It need not exist yet.
    [default: runs, or EGOCLEAN_OUT]
    """

    def first(path: Path) -> int:
        require_readable(RunLayout(path, path.name))
        return since if last is None else max(since, _count(path / "events.jsonl") - last)

    def wanted(path: Path) -> AnnotationFilter:
        events = path / "events.jsonl"
        return filter_for(list(read_events(events)) if events.exists() else [], annotation, path)

    def printed(path: Path) -> AnnotationFilter:
        return AnnotationFilter() if annotation is None else wanted(path)

    console = standard_console()
    if not console.is_interactive:
        _print_all(run, first, printed) if every else _print_one(run, first, printed)
        return
    never_wait()
    with LiveScreen(console) as screen:
        _show_all(run, first, wanted, screen) if every else _show_one(run, first, wanted, screen)


def _count(events: Path) -> int:
    """How many events there are: they are numbered from 0, one a line."""
    try:
        with events.open("rb") as file:
            return sum(line.endswith(b"\n") for line in file)
    except FileNotFoundError:
        return 0


def _waiting(place: Path) -> str:
    return f"waiting for a run in {place}" + ("" if place.is_dir() else ", which does not exist yet")


def _newest(place: Path) -> Path:
    """The newest run at a place, as soon as there is one."""
    while not (found := runs_in(place)):
        pause()
    return found[-1]


def _show_one(place: Path, first: First, wanted: Wanted, screen: LiveScreen) -> None:
    view = screen.view(place.resolve().name)
    view.status(_waiting(place))
    run = _newest(place)
    if run != place:
        screen.line(f"following {run}")
    view.close()
    followed = RunTail(run, first(run), screen.view(run.name), wanted(run))
    try:
        while not followed.poll():
            pause()
    finally:
        followed.close()


def _show_all(place: Path, first: First, wanted: Wanted, screen: LiveScreen) -> None:
    """A run that cannot be read is named, and the others are followed."""
    others = screen.view(place.resolve().name)
    tails: dict[Path, RunTail] = {}
    unreadable: set[Path] = set()
    with ExitStack() as opened:
        while True:
            others.status(f"{count(len(tails), 'run')}, waiting for more" if tails else _waiting(place))
            for run in runs_in(place):
                if run in unreadable:
                    continue
                try:
                    if run not in tails:
                        tails[run] = RunTail(run, first(run), screen.view(run.name, [run.name]), wanted(run))
                        opened.callback(tails[run].close)
                    tails[run].poll()
                except EgocleanError as error:
                    unreadable.add(run)
                    screen.line(f"not followed: {error}")
                    if run in tails:
                        tails.pop(run).close()
            pause()


def _print_one(place: Path, first: First, wanted: Wanted) -> None:
    """Every event that is wanted, as it is in the log; a reader that goes away ends it."""
    if not runs_in(place):
        echo(_waiting(place), err=True)
    run = _newest(place)
    passes = wanted(run).passes
    for event, line in follow(run / "events.jsonl", first(run)):
        if passes(event):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


def _print_all(place: Path, first: First, wanted: Wanted) -> None:
    """Every event of every run, which it names; a run that cannot be read is named, and the others are followed."""
    if not runs_in(place):
        echo(_waiting(place), err=True)
    followers: dict[Path, tuple[Follower, AnnotationFilter]] = {}
    unreadable: set[Path] = set()
    with ExitStack() as opened:
        while True:
            for run in runs_in(place):
                if run in unreadable:
                    continue
                try:
                    if run not in followers:
                        followers[run] = Follower(run / "events.jsonl", first(run)), wanted(run)
                        opened.callback(followers[run][0].close)
                    follower, shown = followers[run]
                    for event, line in follower.poll():
                        if shown.passes(event):
                            click.echo(json.dumps({"run": run.name, **json.loads(line)}))
                except EgocleanError as error:
                    unreadable.add(run)
                    echo(f"not followed: {error}", err=True)
            pause()
