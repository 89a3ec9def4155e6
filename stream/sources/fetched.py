"""Hands what probing has fetched of a remote clip to the process that reads it, so that nothing is fetched twice."""

from dataclasses import replace

from stream.sources.clip import Clip
from stream.sources.remote.file import RemoteFile
from stream.sources.remote.parts import FetchedParts, PartRecorder
from stream.sources.source import Source


def with_recorder(source: Source) -> Source:
    """The source; a remote clip that is read in place keeps what it fetches from now on."""
    if isinstance(source, Clip) and isinstance(source.file, RemoteFile) and source.file.local is None:
        return replace(source, file=replace(source.file, recorder=PartRecorder()))
    return source


def fetched_parts(source: Source) -> FetchedParts | None:
    """What a source from ``with_recorder`` has kept; None if it keeps nothing."""
    if isinstance(source, Clip) and isinstance(source.file, RemoteFile) and source.file.recorder is not None:
        return source.file.recorder.fetched(source.file.size_bytes, source.file.oid)
    return None


def with_parts(source: Source, parts: FetchedParts | None) -> Source:
    """The source; a remote clip does not fetch ``parts`` again, unless it has changed since."""
    if parts is None or not (isinstance(source, Clip) and isinstance(source.file, RemoteFile)):
        return source
    if (source.file.size_bytes, source.file.oid) != (parts.size_bytes, parts.oid):
        return source
    return replace(source, file=replace(source.file, known=parts))
