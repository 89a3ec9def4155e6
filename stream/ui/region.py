"""Lines that stay at the bottom of a terminal while others are printed above them and scroll away."""

import sys
import threading
from collections.abc import Callable
from typing import Final, TextIO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.control import Control
from rich.file_proxy import FileProxy
from rich.segment import ControlType, Segment

_REFRESH_S: Final = 0.25

DrawLines = Callable[[], list[ConsoleRenderable]]
"""The lines as they are now, each at most as wide as the console."""


class LiveRegion(RenderHook):
    """Draws lines below everything that is printed on a console, and again when they have changed.

    The cursor rests on the first of the lines, so a frame needs no memory of the one before: it erases what follows the
    cursor, prints, and returns. That holds, too, where a terminal folds lines anew because it was resized (rich's
    ``Live`` rests on the last line, and leaves a part of itself behind).
    """

    def __init__(self, console: Console, draw: DrawLines) -> None:
        self._console = console
        self._draw = draw
        self._shown = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._proxied: dict[str, TextIO] = {}

    @property
    def is_active(self) -> bool:
        return self._thread is not None

    def start(self) -> None:
        """Show the lines; what this process prints to the terminal in another way comes above them, too."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name="live region", daemon=True)
        self._proxied = {name: _proxy(name, self._console) for name in ("stdout", "stderr") if _is_terminal(name)}
        self._console.show_cursor(show=False)
        self._console.push_render_hook(self)
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """Remove the lines."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
        self._console.pop_render_hook()
        self._console.control(_erase())
        self._console.show_cursor(show=True)
        for name, stream in self._proxied.items():
            setattr(sys, name, stream)

    def refresh(self) -> None:
        """Draw the lines anew."""
        self._console.print(Control())

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Rich's hook: whatever is printed takes the place of the lines, and they follow."""
        return [_erase(), *renderables, _Frame(self._draw())]

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(_REFRESH_S):
            frame = self._text()
            if frame != self._shown:
                self._shown = frame
                self.refresh()

    def _text(self) -> str:
        segments = self._console.render(_Frame(self._draw()))
        return f"{self._console.size}" + "".join(f"{segment.text}{segment.style}" for segment in segments)


_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""The terminal cuts, or wraps, what is too wide for it (DECAWM): a frame may meet one that just became narrower."""


class _Frame:
    """Lines, after which the cursor returns to the first."""

    def __init__(self, lines: list[ConsoleRenderable]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _control(_CUT).segment
        for number, line in enumerate(self._lines):
            if number:
                yield Segment.line()
            yield from console.render_lines(line, options, pad=False)[0]
        yield _control(_WRAP).segment
        yield _return_to_first(len(self._lines)).segment


def _erase() -> Control:
    """Erase from the start of this line to the end of the screen, for which rich has no control.

    First this line, then from its second column: what tmux erases from the upper left corner goes to the scrollback.
    """
    return _control("\r\x1b[K\x1b[C\x1b[J\r")


def _return_to_first(lines: int) -> Control:
    return _control("\r" if lines < 2 else f"\r\x1b[{lines - 1}A")


def _control(text: str) -> Control:
    control = Control()
    control.segment = Segment(text, None, [(ControlType.ERASE_IN_LINE, 0)])
    return control


def _is_terminal(name: str) -> bool:
    stream = getattr(sys, name)
    return stream is not None and not isinstance(stream, FileProxy) and stream.isatty()


def _proxy(name: str, console: Console) -> TextIO:
    """Put a stream's lines through the console; returns the stream."""
    stream: TextIO = getattr(sys, name)
    setattr(sys, name, FileProxy(console, stream))
    return stream
