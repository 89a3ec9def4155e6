"""Where a run can go on: the states of all its processes at one barrier, in files that one writer keeps.

    state/0.state, state/1.state   written in turn, at every barrier, and never forced to disk: while one is written the
                                   other is whole, so the newest whole one outlives every death of a process
    state/durable.state            replaced at every checkpoint, after all that it speaks of was forced to disk: it
                                   outlives a power cut
    state/attempt                  number of the present attempt, and the boot of the machine that it began on

A state in ``0`` or ``1`` may speak of rows that a power cut has taken. So these two count only on the boot on which
they were written: the first attempt on another boot removes them, cuts the arrays back to what ``durable`` speaks of,
and goes on from there (``stream.records.store.attempt``). What a header of an array says is not believed then: the
state itself knows the shapes of the rows.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stream.pipeline.state import State, pack, take, unpack
from stream.records.schema.layout import RunLayout
from stream.records.store.atomic import replace_file

_CRC_BYTES = 4


@dataclass(frozen=True, slots=True)
class Saved:
    """One state of a run."""

    attempt: int
    number: int
    """0, 1, 2, ... within the attempt."""
    t_s: float
    """Of its barrier."""
    states: State
    """By the names of the processes."""

    @property
    def windows(self) -> int:
        """Embedded before the barrier."""
        return take(self.part("record"), "windows", int)

    @property
    def row_shapes(self) -> list[list[int]]:
        """Of the run's arrays; empty before the first window."""
        return take(self.part("record"), "row_shapes", list)

    def part(self, process: str) -> State:
        """What that process needs to go on."""
        return take(self.states, process, dict)


class StateFiles:
    """The writing end."""

    def __init__(self, layout: RunLayout, attempt: int) -> None:
        self._layout = layout
        self._attempt = attempt
        self._number = 0

    def write(self, t_s: float, states: State, *, durably: bool) -> None:
        """Keep one more state; when this returns a killed process no longer matters to it."""
        data = pack({"attempt": self._attempt, "number": self._number, "t_s": t_s, "states": states})
        data = zlib.crc32(data).to_bytes(_CRC_BYTES, "little") + data
        if durably:
            replace_file(self._layout.durable_state, data)
        else:
            path = self._layout.states[self._number % 2]
            with path.open("r+b" if path.exists() else "wb") as file:  # emptied first it would be forced to disk
                file.write(data)
                file.truncate()
        self._number += 1


def newest_state(layout: RunLayout) -> Path | None:
    """The file with the newest whole state; None if there is none."""
    whole = ((saved.attempt, saved.number, path) for path, saved in _whole(layout))
    return max(whole, default=(0, 0, None), key=lambda found: found[:2])[2]


def read_state(path: Path) -> Saved:
    """What such a file holds.

    Raises:
        ValueError: it is not whole.
    """
    data = path.read_bytes()
    if zlib.crc32(data[_CRC_BYTES:]) != int.from_bytes(data[:_CRC_BYTES], "little") or len(data) <= _CRC_BYTES:
        raise ValueError(f"{path} is not a whole state")
    state = unpack(data[_CRC_BYTES:])
    attempt, number = take(state, "attempt", int), take(state, "number", int)
    return Saved(attempt, number, take(state, "t_s", float), take(state, "states", dict))


def forget_states(layout: RunLayout) -> None:
    """A run that has finished does not go on."""
    for path in (*layout.states, layout.durable_state):
        path.unlink(missing_ok=True)


def whole_state(path: Path) -> Saved | None:
    """What such a file holds; None if it is not there, or was being written when its process died."""
    try:
        return read_state(path) if path.exists() else None
    except ValueError:
        return None


def _whole(layout: RunLayout) -> Iterator[tuple[Path, Saved]]:
    for path in (*layout.states, layout.durable_state):
        if saved := whole_state(path):
            yield path, saved
