"""How far the fetching of a model is: a bar in a terminal, a line for every tenth in a pipe."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from models.weights.hub import fetch
from stream.errors import printable

_TENTHS = 10


class PlainView:
    """Lines."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name
        self._tenths = 0

    def show(self, now: fetch.Progress) -> None:
        if now.wait_s:
            self._say(f"the hub asks to wait {now.wait_s:.0f} s")
        tenths = _TENTHS * now.done_bytes // now.total_bytes if now.total_bytes else _TENTHS
        if tenths > self._tenths:
            self._tenths = tenths
            self._say(f"{now.done_bytes / 1e6:.1f} of {now.total_bytes / 1e6:.1f} MB")

    def _say(self, words: str) -> None:
        self._console.print(printable(f"{self._name}  {words}"), markup=False, highlight=False, soft_wrap=True)


class BarView:
    """A bar, from the first news on."""

    def __init__(self, bar: Progress, name: str) -> None:
        self._bar = bar
        self._name = name
        self._task = bar.add_task(name, total=None, visible=False)

    def show(self, now: fetch.Progress) -> None:
        waits = f"  the hub asks to wait {now.wait_s:.0f} s" if now.wait_s else ""
        self._bar.update(
            self._task,
            completed=now.done_bytes,
            total=now.total_bytes,
            description=f"{self._name}{waits}",
            visible=True,
        )


@contextmanager
def shown(console: Console, name: str) -> Iterator[fetch.Report]:
    """What hears of the fetching of the model ``name``; the bar goes when the block ends."""
    if not console.is_terminal:
        yield PlainView(console, name).show
        return
    text = TextColumn("{task.description}", markup=False)
    columns = text, BarColumn(bar_width=40), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        yield BarView(bar, name).show
