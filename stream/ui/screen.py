"""Where one command shows its runs: a terminal with bars, plain lines in a pipe, or JSON lines for programs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from rich.console import Console

from stream.ui.notes import Note, forward_notes
from stream.ui.text import print_line
from stream.ui.view import JsonView, PlainView, View


@dataclass(frozen=True, slots=True)
class SeriesProgress:
    """How far several clips are."""

    clips: int
    done: int
    """Clips that have ended, in whatever way."""
    failed: int = 0
    """Those of them that failed."""
    immediate: int = 0
    """Those that ended at once, as a finished one does: they say nothing of the time that is left."""


class Screen(Protocol):
    """Shows the runs of one command."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The command has ended."""
        return

    def line(self, text: str) -> None:
        """Show a line that belongs to no single run."""
        ...

    def view(self, name: str, among: Sequence[str] = ()) -> View:
        """A view of one run. Where runs are shown at the same time, ``among`` names all: lines begin with the name."""
        ...

    def series(self, progress: SeriesProgress) -> None:
        """Show how far the series is."""
        ...


class PlainScreen(Screen):
    """Lines."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, text: str) -> None:
        print_line(self._console, text)

    def view(self, name: str, among: Sequence[str] = ()) -> View:
        return PlainView(self._console, prefix=f"{name}  " if among else "")

    def series(self, progress: SeriesProgress) -> None:
        """Each clip has its line."""


class JsonScreen(Screen):
    """Lines of JSON."""

    def line(self, text: str) -> None:
        JsonView().note(Note(text))

    def view(self, name: str, among: Sequence[str] = ()) -> View:  # noqa: ARG002 - each line names its run
        """A view whose run is named by all messages that follow, too."""
        view = JsonView()
        forward_notes(view.note)
        return view

    def series(self, progress: SeriesProgress) -> None:  # noqa: ARG002 - progress is not an event
        """Between clips: messages name no run until the next one has its view."""
        forward_notes(JsonView().note)


def standard_console() -> Console:
    """Standard output. It is drawn on only if it is a terminal: one that is told to colour a pipe colours lines."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return Console(highlight=False, force_interactive=None if is_terminal else False)


def make_screen(console: Console) -> Screen:
    """Bars for a terminal; plain lines for a pipe, or for a terminal that cannot move its cursor (``TERM=dumb``)."""
    if not console.is_interactive:
        return PlainScreen(console)
    from stream.ui.live import LiveScreen

    return LiveScreen(console)


def make_view(console: Console, name: str) -> View:
    """The view of a command's only run."""
    return make_screen(console).view(name)
