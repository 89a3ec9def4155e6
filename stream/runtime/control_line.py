"""The control line: a Unix socket pair between a process and another one that works for it.

Work goes down the line as one line of JSON, together with the file descriptors that belong to it; ``stop`` asks for an
early end of the work under way. ``done`` comes back when the work has ended well, and the process can take more. If the
line closes, whoever gave the work is gone.
"""

import queue
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_STDIN: Final = 0
_STOP: Final = b"stop"
_DONE: Final = b"done"
_READ_BYTES: Final = 1 << 16
_DESCRIPTORS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Assignment:
    """One piece of work."""

    content: bytes
    """Its configuration, as JSON."""
    descriptors: tuple[int, ...]
    """File descriptors that came with it; whoever does the work closes them."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the work is to end early."""


class ControlListener(threading.Thread):
    """The end of the process that works, its standard input: listens to the other end, also while the work blocks."""

    def __init__(self, at_end: Callable[[], None]) -> None:
        """``at_end`` is called in this thread when the line closes."""
        super().__init__(name="control", daemon=True)
        self.at_end = at_end
        self._line = socket.socket(fileno=_STDIN)
        self._assignments: queue.SimpleQueue[Assignment | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Take what comes, until the line closes."""
        last: Assignment | None = None
        text, descriptors = b"", []
        while True:
            received, arrived, _, _ = socket.recv_fds(
                self._line, _READ_BYTES, _DESCRIPTORS_MAX, socket.MSG_CMSG_CLOEXEC
            )
            if not received:
                break
            text += received
            descriptors += arrived
            *lines, text = text.split(b"\n")
            for each in lines:
                if each != _STOP:
                    last, descriptors = Assignment(each, tuple(descriptors)), []
                    self._assignments.put(last)
                elif last is not None:
                    last.stop.set()
        self.at_end()
        self._assignments.put(None)

    def next_assignment(self) -> Assignment | None:
        """Wait for work; None when the line is closed."""
        return self._assignments.get()

    def report_done(self) -> None:
        """Report that the last work has ended well, and that none of its descriptors is open any more."""
        with suppress(BrokenPipeError):  # the other end has gone: ``at_end`` acts on that
            self._line.sendall(_DONE + b"\n")


class ControlLine:
    """The end of the process that gives work."""

    def __init__(self) -> None:
        """``far_end`` is for the process that works; close it here once that has it."""
        self._line, self.far_end = socket.socketpair()
        self._is_done = False
        self._is_open = True

    def assign(self, content: str, descriptors: Sequence[int]) -> None:
        """Give work. A process that has ended takes none; its exit status says so, and why."""
        self._is_done = False
        line = content.encode() + b"\n"
        with suppress(BrokenPipeError, ConnectionResetError):
            sent = socket.send_fds(self._line, [line], descriptors)
            self._line.sendall(line[sent:])

    def stop(self) -> None:
        """Ask for an early end of the work."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._line.sendall(_STOP + b"\n")

    @property
    def is_done(self) -> bool:
        """Whether the work that was given last has ended well."""
        self._receive()
        return self._is_done

    @property
    def end_fd(self) -> int | None:
        """The descriptor that becomes readable when the work ends; None if it has ended, or the line is closed."""
        return None if self._is_done or not self._is_open else self._line.fileno()

    def close(self) -> None:
        """Close the line, which ends the process."""
        self._is_open = False
        self._line.close()

    def _receive(self) -> None:
        with suppress(BlockingIOError, ConnectionResetError):
            while self._is_open and not self._is_done:
                received = self._line.recv(_READ_BYTES, socket.MSG_DONTWAIT)
                self._is_done = received.endswith(_DONE + b"\n")
                self._is_open = bool(received)
