"""The one contract of everything that the chain reads: a clip, wherever its bytes are, or a live source."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stream.pipeline.items import Packet, SourceEvent
from stream.sources.live.options import LiveOptions

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer

    from stream.sources.live.camera_clock import CameraPosition
    from stream.video.seek_points import SeekPoint


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The position at which a source is resumed; with neither field set, reading begins at the start."""

    seek_point: "SeekPoint | None" = None
    """The key picture from which decoding begins, for a source that can be played again."""
    camera: "CameraPosition | None" = None
    """The end of the time line, for a camera."""


START = ResumePoint()


class Source(Protocol):
    """A clip or a live source. To add a kind: a class with these members and a line in ``stream.sources.table``."""

    @property
    def name(self) -> str:
        """The source in messages and records: without secrets, and with the commit of a data set."""
        ...

    @property
    def stem(self) -> str:
        """The name of the run directory."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """The size in bytes; None for a live source."""
        ...

    @property
    def fetched_bytes(self) -> int | None:
        """Bytes received over the network so far; None if they are not counted."""
        ...

    @property
    def mtime_ns(self) -> int | None:
        """Modification time in nanoseconds since the epoch; None if it is not a file on this disk."""
        ...

    @property
    def live_options(self) -> LiveOptions | None:
        """The options of a live source, including its kind, from which it can be opened again; None for a clip."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether it is read while it is produced: its size and its length are not known."""
        ...

    @property
    def is_camera(self) -> bool:
        """Whether it sends data at its own pace, whether or not anything reads it."""
        ...

    @property
    def is_standard_input(self) -> bool:
        """Whether it is standard input, which can be read only once."""
        ...

    @property
    def plays_again(self) -> bool:
        """Whether reading it again from its beginning has the same result."""
        ...

    def open(self) -> BufferedReader | RawIOBase:
        """A new read-only file over its bytes; the caller closes it.

        Raises:
            SourceError: it cannot be read; ``UnreachableError`` if a later attempt may succeed.
        """
        ...

    def connect(self, decoder_options: dict[str, str]) -> "InputContainer | None":
        """The container of a source that libav connects to by itself; None if ``open`` gives its bytes. Raises as it.

        Args:
            decoder_options: Options for libav's decoder.
        """
        ...

    def packets(
        self, resume: ResumePoint = START, *, loop: bool = False, hwaccel: "HWAccel | None" = None
    ) -> Iterator[Packet | SourceEvent | None]:
        """Its packets and events in the order of decoding; None whenever a live source has none at the moment.

        Args:
            resume: Where an earlier attempt left it.
            loop: Whether a clip is read again and again.
            hwaccel: The device that decodes a clip's packets.

        Raises:
            SourceError: it cannot be read.
        """
        ...

    def sha256(self) -> str | None:
        """SHA-256 of its bytes, 64 hexadecimal digits; None if that is not known without fetching them."""
        ...

    def edges_sha256(self) -> str | None:
        """SHA-256 of the first and the last MiB, a cheap fingerprint; None if ``origin`` identifies the source."""
        ...

    def origin(self) -> dict[str, Any] | None:
        """Origin of the bytes of a remote file, for the record; None for a file on disk and a live source."""
        ...

    def intrinsics_path(self) -> Path | None:
        """``intrinsics.json`` in the folder of the clip or of its tar; None if there is none."""
        ...

    def sidecar(self) -> tuple[str, bytes] | None:
        """Name and content of the ``.json`` beside the clip, in its folder or its tar; None if there is none."""
        ...
