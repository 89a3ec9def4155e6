"""How far a long comparison has come: a bar in a terminal, a line for each step in a pipe."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from stream.errors import printable


class Progress:
    """Shows one step after the other on ``console``, which is standard error: results have standard output."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self._console = console
        self._bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, what: str, total: float | None) -> None:
        """A step begins; ``total`` is how much there is to do in it, None if nobody knows."""
        self._bar.reset(self._task, total=total, description=printable(what))
        if not self._console.is_terminal:
            self._console.print(printable(what), markup=False, highlight=False, soft_wrap=True)

    def reach(self, done: float) -> None:
        """So much of the step is done."""
        self._bar.update(self._task, completed=done)
