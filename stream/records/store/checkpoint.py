"""Checkpoints: the snapshots of all stages at one barrier, in files with one writer.

    state/0.state, state/1.state   written in turn at every barrier, without fsync: while one is written the other is
                                   intact, so the newest intact one survives the death of any process
    state/durable.state            replaced every 30 s of stream time, after everything that it refers to was forced to
                                   disk: it survives a power cut
    state/attempt                  number of the current attempt, and the boot of the machine on which it began

``0`` and ``1`` may refer to rows that a power cut has destroyed, so they are valid only on the boot on which they were
written: the first attempt on another boot removes them, cuts the arrays back to the rows of ``durable``, and resumes
from there (``stream.records.store.attempt``). The headers of the arrays are not trusted then: the checkpoint has the
shapes of the rows.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from stream.errors import NewerVersionError, UsageError
from stream.pipeline.codec import VERSION, CodecError, pack, unpack
from stream.pipeline.state import PackedState, State, take, unpacked_states
from stream.records.schema.layout import RunLayout
from stream.records.store.atomic import replace_file

FORMAT = 5
"""Version of a checkpoint. 1 had the states by process and position, 2 has them by the names of the stages, 3 has the
clip's size and what each window showed, 4 has the activity and from when on windows were judged, 5 has each stage's
snapshot packed by itself."""
_CRC_BYTES = 4
_MSGPACK_MAP = 0x80
"""The first byte of a map in msgpack is at least this: earlier states had no version before it."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of the records before a barrier."""

    windows: int
    row_shapes: list[list[int]]
    """Row shapes of the run's arrays; empty before the first window."""
    events: int
    """Written by the chain, as ``stream.records.schema.events.CHAIN_EVENTS`` lists them."""
    wall_s: float
    """Time that the run has taken, in all its attempts."""


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """A run at one barrier."""

    attempt: int
    number: int
    """0, 1, 2, ... within the attempt."""
    t_s: float
    """Stream time of its barrier."""
    totals: Totals
    states: State
    """Snapshots by the names of the stages."""


class CheckpointFiles:
    """The writer."""

    def __init__(self, layout: RunLayout, attempt: int) -> None:
        self._layout = layout
        self._attempt = attempt
        self._number = 0

    def write(self, t_s: float, totals: Totals, states: Mapping[str, PackedState], *, durably: bool) -> None:
        """Write a checkpoint; when this returns it survives the death of this process."""
        content = {name: state.content for name, state in states.items()}
        where = {"attempt": self._attempt, "number": self._number, "t_s": t_s}
        data = pack({"format": FORMAT, **where, "totals": asdict(totals), "states": content})
        data = zlib.crc32(data).to_bytes(_CRC_BYTES, "little") + data
        if durably:
            replace_file(self._layout.durable_checkpoint, data)
        else:
            path = self._layout.checkpoints[self._number % 2]
            with path.open("r+b" if path.exists() else "wb") as file:  # truncating it first would force it to disk
                file.write(data)
                file.truncate()
        self._number += 1


def newest_checkpoint(layout: RunLayout) -> Path | None:
    """The file with the newest intact checkpoint; None if there is none."""
    intact = ((each.attempt, each.number, path) for path, each in _intact(layout))
    return max(intact, default=(0, 0, None), key=lambda found: found[:2])[2]


def read_checkpoint(path: Path) -> SavedCheckpoint:
    """Read a checkpoint.

    Raises:
        ValueError: it is torn or damaged.
        NewerVersionError: a newer version of the program wrote it.
        UsageError: an earlier version did.
    """
    data = path.read_bytes()
    if zlib.crc32(data[_CRC_BYTES:]) != int.from_bytes(data[:_CRC_BYTES], "little") or len(data) <= _CRC_BYTES:
        raise ValueError(f"{path} is not an intact checkpoint")
    if VERSION < (codec := data[_CRC_BYTES]) < _MSGPACK_MAP:
        raise NewerVersionError(path, codec, VERSION)
    try:
        state = unpack(data[_CRC_BYTES:])
    except CodecError:  # it is whole, so an earlier version packed it
        state = {}
    found = state.get("format", 1)
    if isinstance(found, int) and found > FORMAT:
        raise NewerVersionError(path, found, FORMAT)
    if found != FORMAT:
        raise UsageError(
            f"{path} has state format {found}, and this version reads format {FORMAT}: finish the run with the version "
            "that began it, or begin again with --overwrite"
        )
    totals = take(state, "totals", dict)
    return SavedCheckpoint(
        take(state, "attempt", int),
        take(state, "number", int),
        take(state, "t_s", float),
        Totals(
            take(totals, "windows", int),
            take(totals, "row_shapes", list),
            take(totals, "events", int),
            take(totals, "wall_s", float),
        ),
        unpacked_states({name: PackedState(content) for name, content in take(state, "states", dict).items()}),
    )


def remove_checkpoints(layout: RunLayout) -> None:
    """Remove the checkpoints of a finished run, which cannot be resumed."""
    for path in (*layout.checkpoints, layout.durable_checkpoint):
        path.unlink(missing_ok=True)


def intact_checkpoint(path: Path) -> SavedCheckpoint | None:
    """The checkpoint in a file; None if it is missing, or torn because its writer died."""
    try:
        return read_checkpoint(path) if path.exists() else None
    except ValueError:
        return None


def _intact(layout: RunLayout) -> Iterator[tuple[Path, SavedCheckpoint]]:
    for path in (*layout.checkpoints, layout.durable_checkpoint):
        if checkpoint := intact_checkpoint(path):
            yield path, checkpoint
