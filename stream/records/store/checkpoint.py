"""Where a run can go on: the states of all its stages at one barrier, in files that one writer keeps.

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
from dataclasses import asdict, dataclass
from pathlib import Path

from stream.errors import UsageError
from stream.pipeline.codec import CodecError, pack, unpack
from stream.pipeline.state import State, take
from stream.records.schema.layout import RunLayout
from stream.records.store.atomic import replace_file

FORMAT = 2
"""Of a saved state. 1 had the states by process and position; 2 has them by the names of the stages."""
_CRC_BYTES = 4


@dataclass(frozen=True, slots=True)
class Totals:
    """What was recorded before a barrier."""

    windows: int
    row_shapes: list[list[int]]
    """Of the run's arrays; empty before the first window."""
    events: int
    """Written by the chain, as ``stream.records.schema.events.CHAIN_EVENTS`` lists them."""
    wall_s: float
    """Time that the run has taken, in all its attempts."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The state of a run at one barrier."""

    attempt: int
    number: int
    """0, 1, 2, ... within the attempt."""
    t_s: float
    """Of its barrier."""
    totals: Totals
    states: State
    """By the names of the stages."""


class StateFiles:
    """The writing end."""

    def __init__(self, layout: RunLayout, attempt: int) -> None:
        self._layout = layout
        self._attempt = attempt
        self._number = 0

    def write(self, t_s: float, totals: Totals, states: State, *, durably: bool) -> None:
        """Keep one more state; when this returns a killed process no longer matters to it."""
        where = {"attempt": self._attempt, "number": self._number, "t_s": t_s}
        data = pack({"format": FORMAT, **where, "totals": asdict(totals), "states": states})
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
    """Read one of these files.

    Raises:
        ValueError: it is not whole.
        UsageError: another version of the program wrote it.
    """
    data = path.read_bytes()
    if zlib.crc32(data[_CRC_BYTES:]) != int.from_bytes(data[:_CRC_BYTES], "little") or len(data) <= _CRC_BYTES:
        raise ValueError(f"{path} is not a whole state")
    try:
        state = unpack(data[_CRC_BYTES:])
    except CodecError:  # it is whole, so an earlier version packed it
        state = {}
    if (found := state.get("format", 1)) != FORMAT:
        raise UsageError(
            f"{path} has state format {found}, and this version reads format {FORMAT}: finish the run with the version "
            "that began it, or begin again with --overwrite"
        )
    totals = take(state, "totals", dict)
    return Saved(
        take(state, "attempt", int),
        take(state, "number", int),
        take(state, "t_s", float),
        Totals(
            take(totals, "windows", int),
            take(totals, "row_shapes", list),
            take(totals, "events", int),
            take(totals, "wall_s", float),
        ),
        take(state, "states", dict),
    )


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
