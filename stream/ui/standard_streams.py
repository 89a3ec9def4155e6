"""Standard output and standard error, which must neither hold up a run nor end it.

A short command waits for the reader of its output and writes at once. A long command never waits
(``never_wait``): a thread writes what it prints, and what a stopped terminal, a pipe that nobody reads or a full disk
does not take is dropped and counted. The event log is complete in any case.

Nothing is buffered beyond a line, so Python has nothing to flush, and to wait for, when it exits. The descriptors stay
blocking: that flag belongs to the terminal, which other programs share.
"""

import errno
import io
import logging
import os
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from stream.errors import EgocleanError, ExitCode, NoRoomError, exit_code_of, printable
from stream.ui.output_queue import OutputQueue

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_LOG = logging.getLogger(__name__)

_QUEUE_BYTES_MAX: Final = 2**20
"""Some thousand lines, or half a minute of a live table."""
_EXIT_WAIT_S: Final = 1.0
"""Time that the reader of each stream has, when the program ends, to take what still waits."""
_STDIN, _STDOUT, _STDERR = range(3)


def echo(text: str, *, err: bool = False) -> None:
    """Print text on one line, without characters that act on a terminal, and in the encoding of the stream."""
    stream: TextIO | None = sys.stderr if err else sys.stdout
    if stream is not None:  # Python has none where the descriptor was closed
        stream.write(printable(text) + "\n")
        stream.flush()


class OutputWriter:
    """Writes to a descriptor in a thread of its own, so that no caller waits for its reader."""

    def __init__(self, fd: int, name: str) -> None:
        """``name`` of the descriptor, for messages."""
        self._fd = fd
        self._name = name
        self._queue = OutputQueue(_QUEUE_BYTES_MAX)
        self._fault = "was not read"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def write(self, chunk: bytes) -> None:
        """Queue a chunk; it is dropped if the reader is gone."""
        self._queue.put(chunk)

    def close(self, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` for the writes, and report what was dropped; whether all was written."""
        self._queue.close()
        self._thread.join(timeout_s)
        is_done = not self._thread.is_alive()
        self._report(self._queue.drop_all())
        return is_done

    def _run(self) -> None:
        while (chunk := self._queue.take()) is not None:
            try:
                write_all(self._fd, chunk)
            except OSError as error:
                if reader_has_gone(self._fd, error):
                    self._queue.close()
                    self._queue.drop_all()
                    return
                self._queue.count_dropped(chunk)
                self._fault = f"cannot be written ({error.strerror})"
            else:
                self._report(self._queue.dropped_lines())

    def _report(self, lines: int) -> None:
        if lines:
            text = "1 line was" if lines == 1 else f"{lines} lines were"
            _LOG.warning("%s dropped, because %s %s", text, self._name, self._fault)


class StandardStream(io.RawIOBase):
    """What ``sys.stdout`` and ``sys.stderr`` write to: the descriptor, or from ``hand_over`` on a writer."""

    def __init__(self, number: int, name: str, *, is_product: bool) -> None:
        """What cannot be written of a product is an error; messages that nobody can read are dropped."""
        super().__init__()
        self.fd: Final = os.dup(number)
        self.name: Final = name
        self._number = number
        self._is_product = is_product
        self._writer: OutputWriter | None = None

    def hand_over(self, writer: OutputWriter) -> None:
        """Write through a writer from now on."""
        self._writer = writer

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write the whole text.

        Raises:
            SystemExit: the reader of a product has gone: the command ends, as SIGPIPE ends other programs.
            NoRoomError: the product goes to a file on a disk that is full.
            EgocleanError: the product cannot be written for another reason.
        """
        chunk = bytes(data)
        if self._writer is not None:
            self._writer.write(chunk)
            return len(chunk)
        try:
            write_all(self.fd, chunk)
        except OSError as error:
            if self._is_product:
                self._fail(error)
        return len(chunk)

    def _fail(self, error: OSError) -> None:
        if reader_has_gone(self.fd, error):
            sys.exit(ExitCode.SIGPIPE)
        kind = NoRoomError if exit_code_of(error) == ExitCode.NO_ROOM else EgocleanError
        raise kind(f"{self.name} cannot be written: {error.strerror}") from error

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self.fd)

    def fileno(self) -> int:
        return self._number


def write_all(fd: int, chunk: bytes) -> None:
    """Write a chunk, in parts if the descriptor takes less.

    Raises:
        OSError: as ``os.write``.
    """
    left = memoryview(chunk)
    while left:
        left = left[os.write(fd, left) :]


def reader_has_gone(fd: int, error: OSError) -> bool:
    """Whether an error of a write means that a pipe, a socket or a terminal was closed at its other end."""
    is_terminal = stat.S_ISCHR(os.fstat(fd).st_mode)
    return error.errno in (errno.EPIPE, errno.ECONNRESET) or (error.errno == errno.EIO and is_terminal)


class _Streams:
    """The two streams of the program, and what writes to them once it never waits."""

    def __init__(self) -> None:
        self._out = StandardStream(_STDOUT, "standard output", is_product=True)
        self._err = StandardStream(_STDERR, "standard error", is_product=False)
        sys.stdout = as_text(self._out, like=sys.stdout)
        sys.stderr = as_text(self._err, like=sys.stderr)
        self._writers: list[OutputWriter] = []
        self._libraries: threading.Thread | None = None

    def never_wait(self) -> None:
        if self._writers:
            return
        self._writers = [OutputWriter(self._out.fd, self._out.name)]
        if not os.path.sameopenfile(self._out.fd, self._err.fd):  # one writer keeps the order of their lines
            self._writers.append(OutputWriter(self._err.fd, self._err.name))
        self._out.hand_over(self._writers[0])
        self._err.hand_over(self._writers[-1])
        if _may_block(self._err.fd):
            self._libraries = _echo_libraries()

    def redirect(self, fd: int) -> None:
        for number in (_STDOUT, _STDERR, self._out.fd, self._err.fd):
            os.dup2(fd, number, inheritable=number in (_STDOUT, _STDERR))

    def redirect_output(self, fd: int) -> None:
        self._writers[0].close(_EXIT_WAIT_S)
        os.dup2(fd, _STDOUT)
        os.dup2(fd, self._out.fd, inheritable=False)
        self._writers[0] = OutputWriter(self._out.fd, self._out.name)
        self._out.hand_over(self._writers[0])

    def finish(self) -> None:
        if self._libraries is not None:
            _redirect(_STDERR, os.devnull)
            self._libraries.join(_EXIT_WAIT_S)  # with a limit: a remaining process may keep the pipe open
        are_written = [writer.close(_EXIT_WAIT_S) for writer in self._writers]
        if not all(are_written):
            _redirect(_STDOUT, os.devnull)  # C flushes its own buffer at the exit


_streams: _Streams | None = None


def install() -> None:
    """Make ``sys.stdout`` and ``sys.stderr`` standard streams; nothing if a caller has replaced them.

    Names that the encoding of a stream does not have are printed escaped. A descriptor that was closed becomes
    ``/dev/null``: no file of a run may get its number, and the lines that libraries print.
    """
    global _streams  # noqa: PLW0603 - as ``sys.stdout``: a process has one
    for number in (_STDIN, _STDOUT, _STDERR):
        if not _is_open(number):
            _redirect(number, os.devnull)
    if _streams is None and sys.stdout is sys.__stdout__ and sys.stderr is sys.__stderr__:
        _streams = _Streams()


def never_wait() -> None:
    """From now on drop output instead of waiting for its reader: the program runs a chain, or is about to end."""
    if _streams is not None:
        _streams.never_wait()


def redirect_messages(fd: int | None) -> None:
    """Write both streams to another file from now on, in a process whose output is its log; None: to nowhere."""
    if _streams is not None:
        with _file(fd) as target:
            _streams.redirect(target)


def redirect_output(fd: int | None) -> None:
    """Write standard output to another file from now on; None: to nowhere. What was printed before is written first.

    For a process that never waits, and whose standard output is not standard error's file.
    """
    if _streams is not None:
        with _file(fd) as target:
            _streams.redirect_output(target)


def finish() -> None:
    """Write what the readers take in time; the last call before the exit."""
    if _streams is not None:
        _streams.finish()


def as_text(stream: StandardStream, like: TextIO | None) -> TextIO:
    """A text stream in the encoding of another one; characters that the encoding does not have are escaped."""
    encoding = like.encoding if like is not None else "utf-8"
    return io.TextIOWrapper(stream, encoding, errors="backslashreplace", line_buffering=True)


def _may_block(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)


def _echo_libraries() -> threading.Thread:
    """Pass on what C libraries and children print to standard error's descriptor, with control characters escaped."""
    reading, writing = os.pipe()
    os.dup2(writing, _STDERR)
    os.close(writing)

    def run() -> None:
        with os.fdopen(reading, "rb") as pipe:
            for line in pipe:
                echo(line.decode(errors="replace").rstrip("\n"), err=True)

    thread = threading.Thread(target=run, name="libraries", daemon=True)
    thread.start()
    return thread


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


@contextmanager
def _file(fd: int | None) -> Iterator[int]:
    """The descriptor, or for None one of ``/dev/null``."""
    if fd is not None:
        yield fd
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        yield nowhere
    finally:
        os.close(nowhere)


def _redirect(number: int, path: str) -> None:
    fd = os.open(path, os.O_RDWR)
    if fd != number:
        os.dup2(fd, number)
        os.close(fd)
