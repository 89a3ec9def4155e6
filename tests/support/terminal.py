"""A terminal in memory: what a command's output looks like on a screen, and in its scrollback."""

import io
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyte
from rich.console import Console

from tests.support.runs import DEADLINE_S, program

_SCROLLBACK: Final = 10_000


class Terminal:
    """A screen of ``columns`` x ``lines``."""

    def __init__(self, columns: int, lines: int) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=_SCROLLBACK)
        self._stream = pyte.ByteStream(self.screen)

    def console(self, **options: Any) -> Console:  # noqa: ANN401 - of rich's console
        """A console that draws on it."""
        options = {"color_system": "standard", "force_terminal": True, **options}
        return Console(file=_TerminalFile(self), width=self.screen.columns, height=self.screen.lines, **options)

    def feed(self, output: bytes) -> None:
        self._stream.feed(output)

    def lines(self) -> list[str]:
        """The scrollback and the screen, without the empty lines at the end."""
        columns = range(self.screen.columns)
        above = ["".join(line[column].data for column in columns) for line in self.screen.history.top]
        text = "\n".join(line.rstrip() for line in [*above, *self.screen.display])
        return text.rstrip().split("\n")

    def shown(self) -> list[str]:
        """The lines of the screen alone."""
        return [line.rstrip() for line in self.screen.display]

    def colour_of(self, words: str) -> str:
        """The colour of the first character of these words on the screen."""
        for row, line in enumerate(self.screen.display):
            if words in line:
                return str(self.screen.buffer[row][line.index(words)].fg)
        raise AssertionError(f"{words!r} is not on the screen: {self.shown()}")


class _TerminalFile(io.StringIO):
    """Text that goes to a terminal; a line feed starts a new line, as by a terminal's driver."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(newline="")
        self._terminal = terminal

    def write(self, text: str) -> int:
        self._terminal.feed(text.replace("\n", "\r\n").encode())
        return len(text)


class Session:
    """A command that runs in a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int, terminal: Terminal) -> None:
        self.process = process
        self.terminal = terminal
        self.output = b""
        """All of it, as it came."""
        self._fd = fd

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.terminal.screen.resize(lines, columns)

    def until(self, is_reached: Callable[[Terminal], bool], within_s: float = DEADLINE_S) -> Terminal:
        """Read until the terminal shows something.

        Raises:
            AssertionError: it does not, until the command ends or ``within_s`` have passed.
        """
        deadline = time.monotonic() + within_s
        while not is_reached(self.terminal):
            if time.monotonic() > deadline or not self._read():
                raise AssertionError("\n".join(self.terminal.lines()))
        return self.terminal

    def end(self) -> Terminal:
        """Read until the command has ended."""
        while self._read():
            pass
        self.process.wait(DEADLINE_S)
        return self.terminal

    def _read(self) -> bool:
        ready, _, _ = select.select([self._fd], [], [], DEADLINE_S)
        try:
            output = os.read(self._fd, 65536) if ready else b""
        except OSError:  # Linux's way to say that the other end is closed
            output = b""
        self.output += output
        self.terminal.feed(output)
        return bool(output)


@contextmanager
def in_terminal(
    *words: str | Path,
    size: tuple[int, int] = (80, 24),
    environment: Mapping[str, str] = MappingProxyType({}),
    cwd: Path | None = None,
) -> Iterator[Session]:
    """The program in a terminal of so many columns and lines; it is killed at the end if it still runs."""
    reading, writing = pty.openpty()
    columns, lines = size
    ioctl(reading, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        program(*words), stdin=subprocess.DEVNULL, stdout=writing, stderr=writing, start_new_session=True, cwd=cwd,
        env={**plain, "TERM": "xterm-256color", **environment},
    )  # fmt: skip
    os.close(writing)
    try:
        yield Session(process, reading, Terminal(columns, lines))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(reading)
