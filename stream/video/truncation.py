"""Detects truncated files by the framing of their containers, if libav does not report them."""

from io import BufferedReader, RawIOBase

from stream.sources.source import Source

_TS_SYNC = b"\x47"
_TS_FORMS = ((188, 0), (192, 4), (204, 0))
"""Bytes of a transport packet, and the offset of its sync byte: ISO/IEC 13818-1, and as Blu-ray and DVB store it."""
_TS_PROBED = 5

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
"""Identifiers of the two elements that a Matroska file consists of (RFC 9559, 5.1; RFC 8794, 11.2)."""


def is_cut_off(source: Source, format_name: str) -> bool:
    """Whether a clip is truncated; ``format_name`` is the name of libav's demuxer.

    A transport stream ends with a whole packet, and a Matroska file where its header says, unless it was written to a
    pipe. For all other containers only the index can tell.
    """
    size_bytes = source.size_bytes
    if size_bytes is None:
        return False
    with source.open() as file:
        match format_name:
            case "mpegts":
                return _is_cut_ts(file, size_bytes)
            case "matroska,webm":
                return _is_cut_matroska(file, size_bytes)
            case _:
                return False


def _is_cut_ts(file: BufferedReader | RawIOBase, size_bytes: int) -> bool:
    head = file.read(_TS_PROBED * 204)
    for packet_bytes, sync_at in _TS_FORMS:
        if head[sync_at::packet_bytes][:_TS_PROBED] == _TS_SYNC * _TS_PROBED:
            return size_bytes % packet_bytes != 0
    return False


def _is_cut_matroska(file: BufferedReader | RawIOBase, size_bytes: int) -> bool:
    if file.read(4) != _EBML:
        return False
    header_bytes = _vint(file)
    if header_bytes is None:
        return False
    file.seek(header_bytes, 1)
    if file.read(4) != _SEGMENT:
        return False
    segment_bytes = _vint(file)
    return segment_bytes is not None and file.tell() + segment_bytes > size_bytes


def _vint(file: BufferedReader | RawIOBase) -> int | None:
    """A length of one to eight bytes (RFC 8794, 4 and 6.2); None if it is unknown or malformed."""
    first = file.read(1)
    width = 9 - first[0].bit_length() if first else 9
    if width > 8:
        return None
    value = int.from_bytes(first + file.read(width - 1), "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value
