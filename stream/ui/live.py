"""The terminal's view: what has happened is printed and stays in the scrollback; bars below show what goes on."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console, ConsoleRenderable
from rich.style import Style
from rich.text import Text

from stream.errors import is_stop, printable
from stream.records.schema import events
from stream.ui.bars import Bar, lay_out
from stream.ui.names import short_name
from stream.ui.notes import Note
from stream.ui.region import LiveRegion
from stream.ui.screen import Screen, SeriesProgress
from stream.ui.styles import ANOMALOUS, OF_LEVEL, RUNNING, style_of
from stream.ui.text import describe, hanging, segment_line, whole_clock
from stream.ui.view import View

_SLOWEST: Final = 0.05
"""A speed below this would be shown as 0.0, as that of a run that is just starting."""


class LiveScreen(Screen):
    """A bar for each run that is shown and one for the series, below the lines of all of them.

    Nothing is remembered of what was printed, however long a run lasts. Used from several threads.
    """

    def __init__(self, console: Console, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock_s = clock_s
        self._views: list[LiveView] = []
        self._progress: SeriesProgress | None = None
        self._began_at = 0.0
        self._region = LiveRegion(console, self._lines)
        self._lock = threading.RLock()

    def line(self, text: str) -> None:
        self._console.print(printable(text), markup=False, highlight=False)

    def view(self, name: str, among: Sequence[str] = ()) -> "LiveView":
        view = LiveView(self, printable(short_name(name, among)), has_prefix=bool(among))
        self.add(view)
        return view

    def add(self, view: "LiveView") -> None:
        """Show the bar of a run, unless it is shown already."""
        with self._lock:
            self._began_at = self._began_at or self._clock_s()
            if view not in self._views:
                self._views.append(view)
            if not self._region.is_active:
                self._region.start()

    def series(self, progress: SeriesProgress) -> None:
        self._progress = progress

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._region.stop()

    def remove(self, view: "LiveView") -> None:
        """Show the bar of a run no more; the bars of a series stay until it ends."""
        with self._lock:
            if view in self._views:
                self._views.remove(view)
            if not self._views and self._progress is None:
                self._region.stop()

    def refresh(self) -> None:
        """Draw the bars at once, and not only a moment later."""
        self._region.refresh()

    def keep(self, bar: Bar) -> None:
        """Print a bar as it is."""
        for line in lay_out([bar], self._console.width):
            self._console.print(line)

    def show(self, head: str, text: str, style: Style) -> None:
        """Print a line above the bars; a long one is folded below its first word behind ``head``."""
        line = Text(printable(text), style)
        if not head:
            self._console.print(line, highlight=False)
            return
        self._console.print(hanging(self._console, Text(f"{printable(head)}  ", style), line), highlight=False)

    def _lines(self) -> list[ConsoleRenderable]:
        width, height = self._console.size
        bars = [view.bar() for view in list(self._views)]
        series = [self._series_bar(self._progress, bars)] if self._progress else []
        room = max(1, height - 1 - len(series))
        if len(bars) > room:
            more = len(bars) - room + 1
            return lay_out([*bars[: room - 1], Bar("", (f"and {more} more",)), *series], width)
        return lay_out([*bars, *series], width)

    def _series_bar(self, now: SeriesProgress, bars: Sequence[Bar]) -> Bar:
        worked = now.done - now.immediate + sum(bar.share or 0.0 for bar in bars)
        reached = now.done + sum(bar.share or 0.0 for bar in bars)
        count = f"{now.done} of {now.clips} done"
        failed = f", {now.failed} failed" if now.failed else ""
        left = ""
        if worked > 0:
            left_s = (self._clock_s() - self._began_at) / worked * (now.clips - reached)
            left = f", {whole_clock(left_s)} left"
        texts = (f"{count}{failed}{left}", f"{count}{failed}", count)
        return Bar("clips", texts, reached / now.clips)


class LiveView(View):
    """One run on a screen."""

    def __init__(self, screen: LiveScreen, name: str, *, has_prefix: bool) -> None:
        self._screen = screen
        self._name = name
        self._prefix = f"{name}  " if has_prefix else ""
        self._status = "starting"
        self._place: tuple[float, float | None, float] | None = None
        self._anomalous_since_s: float | None = None

    def begin(self, run_id: str) -> None:
        """The run's first event names it."""

    def progress(self, t_s: float, duration_s: float | None, speed: float) -> None:
        self._place, self._status = (t_s, duration_s, speed), ""
        self._screen.add(self)

    def status(self, text: str) -> None:
        """Show, beside the position, what the run waits for; empty if it waits for nothing."""
        self._status = printable(text)

    def event(self, event: events.Event) -> None:
        match event:
            case events.SegmentOpened():
                self._anomalous_since_s = event.t_start_s if event.kind == "anomalous" else None
            case events.SegmentClosed():
                self._anomalous_since_s = None
                self._show(event.segment_id, segment_line(event), style_of(event))
            case events.RunFailed(exit_code=code) if not is_stop(code):
                """The command ends with this error, and prints it then."""
            case events.SegmentAnnotated() | events.SegmentFailed() | events.SegmentSkipped():
                if line := describe(event):
                    self._show(event.segment_id, line.removeprefix(f"{event.segment_id}  "), style_of(event))
            case events.RunStarted() if self._prefix:
                """The clip was announced by its number."""
            case events.RunFinished():
                self._finish(event)
            case _ if line := describe(event):
                self._show("", line, style_of(event))

    def note(self, note: Note) -> None:
        self._show("", note.text, OF_LEVEL[note.level])

    def close(self) -> None:
        self._screen.remove(self)

    def bar(self) -> Bar:
        """How far the run is."""
        if self._place is None:
            return Bar(self._name, (self._status,))
        t_s, duration_s, speed = self._place
        if duration_s and t_s > duration_s:
            duration_s = None  # the header is wrong
        share = t_s / duration_s if duration_s else None
        place = f"{whole_clock(t_s)} of {whole_clock(duration_s)}" if duration_s else whole_clock(t_s)
        if self._status:
            return Bar(self._name, (f"{place}, {self._status}", self._status), share)
        left = f", {whole_clock((duration_s - t_s) / speed)} left" if duration_s and speed else ""
        pace = f", {speed:.1f} x" if speed >= _SLOWEST else ""
        since = self._anomalous_since_s
        anomaly = () if since is None else (f"{place}{pace}{left}, anomalous since {whole_clock(since)}",)
        texts = (f"{place}{pace and pace + ' real time'}{left}", f"{place}{pace}{left}", f"{place}{left}", place)
        return Bar(self._name, (*anomaly, *texts), share, RUNNING if since is None else ANOMALOUS)

    def _finish(self, event: events.RunFinished) -> None:
        """The bar becomes a full one above the summary; beside other runs it only goes away."""
        end = whole_clock(event.decoded_s)
        if self._place is not None and not self._prefix:
            self._screen.keep(Bar(self._name, (f"{end} of {end}",), 1.0))
        self._screen.remove(self)
        self._show("", describe(event) or "", style_of(event))

    def _show(self, head: str, text: str, style: Style) -> None:
        self._screen.show(f"{self._prefix}{head}".strip(), text, style)
