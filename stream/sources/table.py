"""Every kind of source: the scheme of its address, and the function that opens it."""

from pathlib import Path
from typing import Final, Protocol

from stream.errors import SourceError, UsageError
from stream.sources.address import FILE, redacted, scheme_of
from stream.sources.clip import Clip, open_file, open_remote, open_spooled
from stream.sources.live.options import LiveOptions
from stream.sources.live.source import open_camera, open_growing, open_http, open_standard_input
from stream.sources.source import Source


class Opener(Protocol):
    """Opens a source."""

    def __call__(self, spec: str, options: LiveOptions, *, download: bool) -> Source:
        """Open the source that ``spec`` names.

        Args:
            spec: Its path or address.
            options: For a live source.
            download: Whether a remote clip is fetched whole before it is read.

        Raises:
            SourceError: it cannot be read; ``UnreachableError`` if a later attempt may succeed.
            ModelUnavailableError: a package that it needs is not installed.
            NoRoomError: a download does not fit on the disk.
            UsageError: the options do not fit the source.
        """
        ...


OPENERS: Final[dict[str, Opener]] = {
    FILE: open_file,
    "hf": open_remote,
    "s3": open_remote,
    "gs": open_remote,
    "http": open_http,
    "https": open_http,
    "rtsp": open_camera,
    "rtsps": open_camera,
    "device": open_camera,
    "pipe": open_standard_input,
}
"""By the scheme, as ``stream.sources.address.scheme_of`` gives it."""


def open_source(
    spec: str, options: LiveOptions | None = None, *, download: bool = False, spool: Path | None = None
) -> Source:
    """The clip or the live source that ``spec`` names; ``spool`` is the file that holds it, if another process made it.

    Raises:
        SourceError: no source has this scheme; and as ``Opener``.
    """
    options = options or LiveOptions()
    if spool is not None:
        return open_spooled(spec, spool)
    if options.follow:
        return open_growing(spec, options)
    opener = OPENERS.get(scheme_of(spec))
    if opener is None:
        known = ", ".join(f"{scheme}://" for scheme in OPENERS if scheme not in (FILE, "device", "pipe"))
        raise SourceError(f"{redacted(spec)} has an unknown scheme: expected a path, or one of {known}")
    return opener(spec, options, download=download)


def open_clip(spec: str, *, download: bool = False) -> Clip:
    """The clip that ``spec`` names: a file, a member of a tar as ``TAR::MEMBER``, here or remote.

    Raises:
        UsageError: it is a live source; and as ``open_source``.
    """
    source = open_source(spec, download=download)
    if not isinstance(source, Clip):
        raise UsageError(f"{source.name} is a live source, and this command reads clips: use `run` or `doctor`")
    return source
