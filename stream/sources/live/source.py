"""Sources that are read while they are produced: a camera, a stream over HTTP, standard input, a growing file."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from stream.errors import SourceError, UsageError
from stream.pipeline.items import Packet, SourceEvent
from stream.sources.address import Address, clip_stem_of
from stream.sources.live.byte_streams import ForwardOnlyFile, GrowingFile, StandardInput
from stream.sources.live.options import CAMERAS, LiveKind, LiveOptions
from stream.sources.not_video import playlist_error
from stream.sources.selection import is_named_compressed_tar, is_named_tar, tar_needs_disk
from stream.sources.source import START, ResumePoint, Source

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
from stream.sources.clip import Clip


@dataclass(frozen=True, slots=True)
class LiveSource:
    """A source of unknown size, which can be read once from front to back, or from the present on."""

    name: str
    """Its address or path, without secrets."""
    stem: str
    """The name of the run directory."""
    options: LiveOptions
    address: Address | None = None
    """None for a growing file."""
    path: Path | None = None
    """Path of a growing file."""
    keep_head: bool = False
    """For standard input: keep what is read, so that the run can read it again."""

    @property
    def kind(self) -> LiveKind:
        """The kind of source, once it has been determined."""
        if self.options.kind is None:
            raise TypeError(f"the kind of the live source {self.name} has not been determined")
        return self.options.kind

    @property
    def live_options(self) -> LiveOptions:
        return self.options

    @property
    def size_bytes(self) -> None:
        return None

    @property
    def mtime_ns(self) -> None:
        return None

    @property
    def is_live(self) -> bool:
        return True

    @property
    def is_standard_input(self) -> bool:
        return self.kind == "pipe"

    @property
    def is_camera(self) -> bool:
        """Whether it sends data at its own pace, whether or not anything reads it."""
        return self.kind in CAMERAS

    @property
    def plays_again(self) -> bool:
        """Whether reading it again from its beginning has the same result."""
        return self.kind in ("growing", "download") and self.options.max_lag_s is None

    @property
    def has_end(self) -> bool:
        """Whether an end without an error means that it is complete."""
        return self.kind not in ("rtsp", "device", "http")

    def connect(self, decoder_options: dict[str, str]) -> "InputContainer | None":
        """The container of a camera that libav connects to; None for all other kinds."""
        if self.kind not in ("rtsp", "device") or self.address is None:
            return None
        from stream.sources.live.connect import connect

        return connect(self.address, self.options.read_timeout_s, decoder_options)

    def packets(
        self,
        resume: ResumePoint = START,
        *,
        loop: bool = False,  # noqa: ARG002
        hwaccel: "HWAccel | None" = None,  # noqa: ARG002
    ) -> Iterator[Packet | SourceEvent | None]:
        """Read in a thread of their own; ``loop`` and ``hwaccel`` are for clips."""
        from stream.sources.live.reader import LiveReader

        return LiveReader(self, resume.camera).packets()

    def open(self) -> ForwardOnlyFile:
        """Its bytes, of a source that libav does not connect to by itself.

        Raises:
            SourceError: it cannot be read; ``UnreachableError`` if a later attempt may succeed.
        """
        if self.path is not None:
            try:
                return GrowingFile(self.path, self.options.read_timeout_s)
            except OSError as error:
                raise SourceError(f"{self.name} cannot be read: {error.strerror}") from error
        if self.options.stdin_fds is not None:
            return StandardInput(*self.options.stdin_fds, keep=self.keep_head)
        if self.address is None:
            raise TypeError(f"{self.name} has neither a path nor an address")
        from stream.sources.live.http import HttpStream

        return HttpStream(self.address, self.options.read_timeout_s)

    @property
    def fetched_bytes(self) -> None:
        return None

    def origin(self) -> None:
        """``name`` identifies it."""

    def sha256(self) -> None:
        """Its bytes cannot be read a second time."""

    def edges_sha256(self) -> None:
        """Its end is not known."""

    def sidecar(self) -> None:
        """There is no file beside it."""

    def intrinsics_path(self) -> Path | None:
        """``intrinsics.json`` beside a growing file; None for every other kind."""
        beside = self.path.with_name("intrinsics.json") if self.path else None
        return beside if beside and beside.is_file() else None


def open_camera(spec: str, options: LiveOptions, *, download: bool = False) -> LiveSource:  # noqa: ARG001  (for clips)
    """The camera at ``rtsp://``, ``rtsps://`` or ``/dev/videoN``; it is not contacted yet."""
    address = Address(spec)
    return _live("device" if address.scheme == "device" else "rtsp", options, address)


def open_growing(spec: str, options: LiveOptions) -> LiveSource:
    """The file at the path ``spec``, which another program still writes.

    Raises:
        UsageError: there is no such file.
    """
    path = Path(spec)
    if not path.is_file():
        raise UsageError(f"--follow {spec}: there is no such file; name a file that is being written")
    return LiveSource(spec, path.stem, options.model_copy(update={"kind": "growing"}), path=path)


def open_standard_input(spec: str, options: LiveOptions, *, download: bool = False) -> LiveSource:  # noqa: ARG001
    """Standard input, with file descriptors that a child process can inherit.

    Raises:
        UsageError: it is a terminal.
    """
    address = Address(spec)
    if options.kind is not None:
        return _live(options.kind, options, address)
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal: pipe a stream into the program, or name a clip")
    fds = os.dup(sys.stdin.fileno()), os.memfd_create("egoclean-stdin")
    return replace(_live("pipe", options.model_copy(update={"stdin_fds": fds}), address), keep_head=True)


def open_http(spec: str, options: LiveOptions, *, download: bool = False) -> Source:
    """A file or a stream, distinguished by a request for the first byte.

    A server that answers with a part (206) and the size of the whole serves a file: it is a clip, read in place. One
    that sends everything (200) with a length serves a file that can be read once from front to back; without a length,
    a stream. Its end is one only if the server sends it in chunks, which mark it; otherwise it looks the same as a cut.
    ``download`` fetches a clip whole.

    Raises:
        SourceError: the server refuses; ``UnreachableError`` if a later attempt may succeed; it serves a playlist, or
            the address names a tar.
    """
    address = Address(spec)
    if options.kind is not None:
        return _live(options.kind, options, address)
    if _names_tar(spec):
        raise tar_needs_disk(address.name)
    from stream.sources.live.http import is_playlist, send_get

    with send_get(address, options.read_timeout_s, Range="bytes=0-0") as answer:
        if is_playlist(answer):
            raise playlist_error(address.name)
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            from stream.sources.remote.http import http_file

            file = http_file(address, answer, options.read_timeout_s)
            return Clip(address.name, clip_stem_of(spec), file.fetched() if download else file, 0, file.size_bytes)
        if answer.length is not None:
            return _live("download", options, address)
        return _live("chunked" if answer.chunked else "http", options, address)


def _names_tar(spec: str) -> bool:
    """Whether the path of an HTTP address ends as that of a tar or of its member does."""
    path = re.split(r"[?#]", spec)[0]
    return any(is_named_tar(each) or is_named_compressed_tar(each) for each in (path, path.rpartition("::")[0]))


def _live(kind: LiveKind, options: LiveOptions, address: Address) -> LiveSource:
    return LiveSource(address.name, address.stem, options.model_copy(update={"kind": kind}), address)
