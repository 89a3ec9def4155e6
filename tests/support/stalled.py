"""Readers of output that do not read: a full pipe, and a terminal that is stopped."""

import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stalled:
    """Two ends of a pipe or a terminal. The program writes to one end; nobody reads the other."""

    reading: int
    writing: int


@contextmanager
def full_pipe() -> Iterator[Stalled]:
    """A pipe that takes nothing more."""
    with _open(*os.pipe()) as ends:
        _fill(ends.writing)
        yield ends


@contextmanager
def stopped_terminal() -> Iterator[Stalled]:
    """A terminal whose output has been stopped, and that takes nothing more."""
    with _open(*pty.openpty()) as ends:
        _fill(ends.writing)
        yield ends


@contextmanager
def _open(reading: int, writing: int) -> Iterator[Stalled]:
    try:
        yield Stalled(reading, writing)
    finally:
        os.close(reading)
        os.close(writing)


def _fill(fd: int) -> None:
    """Write until there is no room; the descriptor is blocking again afterwards."""
    os.set_blocking(fd, False)
    try:
        while True:
            os.write(fd, b"x" * 80 + b"\n")
    except BlockingIOError:
        os.set_blocking(fd, True)


def drained(fd: int) -> bytes:
    """All that has been written so far."""
    os.set_blocking(fd, False)
    parts = []
    try:
        while part := os.read(fd, 65536):
            parts.append(part)
    except BlockingIOError:
        os.set_blocking(fd, True)
    return b"".join(parts)
