"""A file over HTTP that can be read anywhere: parts of it are asked for when they are read, and a few of them kept."""

import io
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import stamina

from stream.errors import SourceError, UnreachableError
from stream.sources.address import Address
from stream.sources.live.http import ask
from stream.sources.remote.blocks import BlockFile, Blocks

BLOCK_BYTES = 1 << 20
KEPT_BLOCKS = 8
"""Memory for a clip: 8 MiB, and 2 more while reading ahead."""
_BUDGET_S = 60.0
"""For how long the server is asked again for one part."""


@dataclass(slots=True)
class HttpFile:
    """A ``stream.sources.local.File`` on a server that gives parts of it."""

    address: Address
    size_bytes: int
    oid: str | None
    """The server's ETag."""
    timeout_s: float
    fetched_bytes: int = 0
    _blocks: Blocks = field(init=False)

    def __post_init__(self) -> None:
        self._blocks = Blocks(self._fetch, self.size_bytes, block_bytes=BLOCK_BYTES, kept=KEPT_BLOCKS, ahead=True)

    @property
    def name(self) -> str:
        return self.address.name

    @property
    def path(self) -> None:
        return None

    @property
    def origin(self) -> dict[str, Any]:
        return {"url": self.name, "etag": self.oid}

    def open(self, offset: int, size_bytes: int) -> io.RawIOBase:
        return BlockFile(self._blocks, self.name, offset, size_bytes)

    def skim(self) -> io.RawIOBase:
        return self.open(0, self.size_bytes)

    def beside(self, _name: str) -> None:
        return None

    def on_disk(self) -> Path:
        raise SourceError(f"{self.name} lies on a server, and is needed on this machine's disk: fetch it first")

    def _fetch(self, start: int, stop: int) -> bytes:
        """The bytes ``[start, stop)``. What came before a connection was cut is not asked for again.

        Raises:
            SourceError: the server does not give them, or has another content by now.
        """
        got = bytearray()
        for attempt in stamina.retry_context(on=UnreachableError, attempts=None, timeout=_BUDGET_S):
            with attempt:
                self._append(got, start + len(got), stop)
        return bytes(got)

    def _append(self, got: bytearray, start: int, stop: int) -> None:
        before = len(got)
        with ask(self.address, self.timeout_s, Range=f"bytes={start}-{stop - 1}") as answer:
            self._require_same(answer, start, stop)
            with suppress(OSError, HTTPException):  # what came is counted below
                while piece := answer.read1(stop - start):
                    got += piece
        self.fetched_bytes += len(got) - before
        if len(got) - before < stop - start:
            raise UnreachableError(f"{self.name} can no longer be read: the server breaks off again and again")

    def _require_same(self, answer: HTTPResponse, start: int, stop: int) -> None:
        given = answer.headers.get("Content-Range", "")
        if answer.headers.get("ETag") != self.oid or given != f"bytes {start}-{stop - 1}/{self.size_bytes}":
            raise SourceError(f"{self.name} has changed on the server while it was read: start over with --overwrite")


def file_of(address: Address, answer: HTTPResponse, timeout_s: float) -> HttpFile:
    """The file of which the server has given a part.

    Raises:
        SourceError: it does not say how large the whole is.
    """
    size = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if not size.isdecimal():
        raise SourceError(
            f"{address.name} cannot be read: the server gives a part of it, and not the size of the whole"
        )
    return HttpFile(address, int(size), answer.headers.get("ETag"), timeout_s)
