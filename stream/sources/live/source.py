"""Sources that are read while they are made: a camera, a stream over HTTP, standard input, a growing file."""

import os
import sys
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from stream.errors import SourceError, UsageError
from stream.sources.address import Address, address_of
from stream.sources.live.byte_streams import GrowingFile, Pipe, ReadOnce
from stream.sources.live.http import HttpStream, ask
from stream.sources.live.http_file import file_of
from stream.sources.live.options import CAMERAS, Kind, LiveOptions
from stream.sources.source import Source, open_source


@dataclass(frozen=True, slots=True)
class LiveSource:
    """A source without a size, which can be read once from front to back, or from now on."""

    name: str
    """As records call it: without secrets."""
    stem: str
    """It names the run directory."""
    options: LiveOptions
    address: Address | None = None
    """None for a growing file."""
    path: Path | None = None
    """Of a growing file."""
    keep_head: bool = False
    """Of standard input: what is read is kept, to be read again by the run."""

    @property
    def kind(self) -> Kind:
        """What it is."""
        if self.options.kind is None:
            raise TypeError(f"nobody has found out what {self.name} is")
        return self.options.kind

    @property
    def size_bytes(self) -> None:
        """Nobody knows."""
        return

    @property
    def is_camera(self) -> bool:
        """Whether it sends what it sees, read or not."""
        return self.kind in CAMERAS

    @property
    def plays_again(self) -> bool:
        """Whether it can be read once more from its beginning, with the same result."""
        return self.kind in ("growing", "download") and self.options.max_lag_s is None

    @property
    def has_end(self) -> bool:
        """Whether it is complete where it ends without an error."""
        return self.kind not in ("rtsp", "device")

    def open(self) -> ReadOnce:
        """Its bytes; only for what libav does not connect to by itself. The caller closes it.

        Raises:
            SourceError: it cannot be read; ``UnreachableError``: perhaps later.
        """
        if self.path is not None:
            try:
                return GrowingFile(self.path, self.options.follow_idle_s)
            except OSError as error:
                raise SourceError(f"{self.name} cannot be read: {error.strerror}") from error
        if self.options.stdin_fds is not None:
            return Pipe(*self.options.stdin_fds, keep=self.keep_head)
        if self.address is None:
            raise TypeError(f"{self.name} has neither a path nor an address")
        return HttpStream(self.address, self.options.silence_s)

    @property
    def fetched_bytes(self) -> None:
        """Nobody counts."""
        return

    def origin(self) -> None:
        """Its name says all."""

    def sha256(self) -> None:
        """Nobody can read it again."""

    def sidecar(self) -> None:
        """Nothing lies beside it."""

    def intrinsics_path(self) -> Path | None:
        """``intrinsics.json`` beside a growing file."""
        beside = self.path.with_name("intrinsics.json") if self.path else None
        return beside if beside and beside.is_file() else None


def open_any(spec: str, options: LiveOptions, *, download: bool = False) -> Source | LiveSource:
    """The clip or the live source that ``spec`` names. A file over HTTP that can be read anywhere is a clip.

    Raises:
        SourceError: it cannot be read; ``UnreachableError``: perhaps later.
        UsageError: standard input is a terminal; a file is to be followed that is none.
    """
    if options.follow:
        return _growing(spec, options)
    address = address_of(spec)
    if address is None:
        return open_source(spec, download=download)
    if options.kind is not None:
        return _live(options.kind, options, address)
    match address.kind:
        case "pipe":
            return _standard_input(options, address)
        case "http":
            return _over_http(options, address)
        case kind:
            return _live(kind, options, address)


def _live(kind: Kind, options: LiveOptions, address: Address) -> LiveSource:
    return LiveSource(address.name, address.stem, replace(options, kind=kind), address)


def _growing(spec: str, options: LiveOptions) -> LiveSource:
    path = Path(spec)
    if not path.is_file():
        raise UsageError(f"--follow {spec}: that is no file; name one that grows")
    return LiveSource(spec, path.stem, replace(options, kind="growing"), path=path)


def _standard_input(options: LiveOptions, address: Address) -> LiveSource:
    """The source with file descriptors that also a child process can be given."""
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal: pipe a stream into the program, or name a clip")
    fds = os.dup(sys.stdin.fileno()), os.memfd_create("egoclean-stdin")
    return replace(_live("pipe", replace(options, stdin_fds=fds), address), keep_head=True)


def _over_http(options: LiveOptions, address: Address) -> Source | LiveSource:
    """Ask for the first byte alone, and see what the server makes of that."""
    with ask(address, options.silence_s, Range="bytes=0-0") as answer:
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            file = file_of(address, answer, options.silence_s)
            return Source(address.name, address.stem, file, 0, file.size_bytes)
        return _live("http" if answer.length is None else "download", options, address)
