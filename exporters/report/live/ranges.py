"""Byte ranges of HTTP (RFC 9110, 14.1.2): browsers ask for parts of a video."""

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RangePart:
    """Bytes ``first`` to ``last``, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.last - self.first + 1


def byte_range(header: str | None, size_bytes: int) -> RangePart | None:
    """The part that a Range header asks for; None for the whole file, as for several parts or another unit.

    Raises:
        ValueError: the part is outside the file.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.group() == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size_bytes)
        part = RangePart(size_bytes - length, size_bytes - 1)
    else:
        part = RangePart(int(first), min(int(last), size_bytes - 1) if last else size_bytes - 1)
        if last and int(last) < int(first):
            return None
    if part.length < 1:
        raise ValueError(f"{header} is outside of {size_bytes} bytes")
    return part
