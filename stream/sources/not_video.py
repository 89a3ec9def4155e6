"""The error for bytes that libav does not open as a video: it says what they are instead, where that is known."""

import io

from stream.errors import SourceError
from stream.sources.live.byte_streams import ForwardOnlyFile
from stream.sources.signatures import HEAD_BYTES, LFS_POINTER, PLAYLIST, UNKNOWN, content_of


def playlist_error(name: str) -> SourceError:
    """The error for a list of addresses in the place of a video."""
    return SourceError(
        f"{name} is a playlist (HLS or DASH), which is not supported: give the address of the stream itself, as "
        "rtsp://, or http:// with MPEG-TS, FLV or MJPEG, or the path of a file"
    )


def not_video(name: str, file: io.BufferedReader | io.RawIOBase, reason: str) -> SourceError:
    """The error for the open ``file``; ``reason`` is libav's."""
    content = content_of(_head(file))
    if content.name == PLAYLIST:
        return playlist_error(name)
    if content.name == LFS_POINTER:
        what = f"it is a {LFS_POINTER}, and the file itself was not downloaded (git lfs pull)"
    elif content.kind == "container":
        what = f"it begins as {content.name}, but is damaged or incomplete ({reason})"
    elif content == UNKNOWN:
        what = f"its content is of no known kind ({reason})"
    else:
        what = f"its content is of another kind ({content.name})"
    return SourceError(f"{name} is not a video that can be read: {what}")


def _head(file: io.BufferedReader | io.RawIOBase) -> bytes:
    if isinstance(file, ForwardOnlyFile):
        return file.head
    file.seek(0, io.SEEK_SET)
    return file.read(HEAD_BYTES) or b""
