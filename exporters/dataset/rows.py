"""The episodes of a data set, as lines of a file: read when they are needed, so that memory does not grow with them."""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

from pydantic import BaseModel, ValidationError

from exporters.dataset.episode import STRICT, ClipFacts, Episode
from stream.errors import InputError
from stream.records.store.atomic import sync_dir


class Row(BaseModel):
    """An episode with what is known of its clip."""

    model_config = STRICT

    episode: Episode
    cut: ClipFacts | None = None
    """None in a data set without clips."""

    @property
    def clip(self) -> ClipFacts:
        """The facts of its clip.

        Raises:
            InputError: the data set has no clips.
        """
        if self.cut is None:
            raise InputError(f"{self.episode.key} has no clip: it was exported in a format without clips")
        return self.cut


class Rows(Sequence[Row]):
    """Some rows of a file, in an order of their own; each is read from the file whenever it is taken."""

    def __init__(self, path: Path, offsets: Sequence[int], sizes: Sequence[int]) -> None:
        self._path, self._offsets, self._sizes = path, offsets, sizes

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows": ...
    def __getitem__(self, index: int | slice) -> "Row | Rows":
        """A row, or some of them.

        Raises:
            InputError: the line is damaged.
        """
        if isinstance(index, slice):
            return Rows(self._path, self._offsets[index], self._sizes[index])
        (row,) = _read(self._path, [(self._offsets[index], self._sizes[index])])
        return row

    def __iter__(self) -> Iterator[Row]:
        if self:
            yield from _read(self._path, zip(self._offsets, self._sizes, strict=True))

    def where(self, condition: Callable[[Row], bool]) -> "Rows":
        """Those for which a condition holds."""
        numbers = [number for number, row in enumerate(self) if condition(row)]
        offsets, sizes = (array("q", [values[number] for number in numbers]) for values in (self._offsets, self._sizes))
        return Rows(self._path, offsets, sizes)


class RowLog:
    """The file of rows, open for writing; a later line about the same episode counts."""

    def __init__(self, path: Path) -> None:
        """Read which rows there are. An incomplete last line was never added.

        Raises:
            InputError: the file is damaged.
        """
        self._path = path
        self._numbers: dict[str, int] = {}
        """Number of each episode's row, by key."""
        self._offsets, self._sizes = array("q"), array("q")
        self._end = 0
        if path.exists():
            self._read()

    @property
    def rows(self) -> Rows:
        """All rows so far, in the order in which their episodes were added."""
        return Rows(self._path, self._offsets[:], self._sizes[:])

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def row_of(self, key: str) -> Row:
        """The row of an episode."""
        return self.rows[self._numbers[key]]

    def put(self, rows: Iterable[Row]) -> list[Row]:
        """Add rows, or replace them, durably; returns those that are new or differ."""
        changed = [row for row in rows if row.episode.key not in self or self.row_of(row.episode.key) != row]
        lines = [row.model_dump_json().encode() for row in changed]
        if changed:
            self._append(b"".join(line + b"\n" for line in lines))
        for row, line in zip(changed, lines, strict=True):
            self._add(row.episode.key, len(line) + 1)
        return changed

    def _read(self) -> None:
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                self._add(_row(self._path, line, f"in line {number}").episode.key, len(line))

    def _append(self, content: bytes) -> None:
        """Append durably, after the last whole line; if there is no room for all of it, nothing is appended."""
        is_new = not self._path.exists()
        with self._path.open("ab", buffering=0) as file:
            file.truncate(self._end)
            left = memoryview(content)
            try:
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(self._end)
                raise
        if is_new:
            sync_dir(self._path.parent)

    def _add(self, key: str, size: int) -> None:
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self._offsets):
            self._offsets.append(self._end)
            self._sizes.append(size)
        else:
            self._offsets[number], self._sizes[number] = self._end, size
        self._end += size


def _read(path: Path, spans: Iterable[tuple[int, int]]) -> Iterator[Row]:
    """The rows at these offsets, of these sizes in bytes."""
    with path.open("rb", buffering=0) as file:
        for offset, size in spans:
            yield _row(path, os.pread(file.fileno(), size, offset), f"at byte {offset}")


def _row(path: Path, line: bytes, place: str) -> Row:
    try:
        return Row.model_validate_json(line)
    except ValidationError as error:
        raise InputError(f"{path} is damaged {place}: it is not a valid row") from error
