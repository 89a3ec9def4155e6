"""What a file is, from its first bytes: a container of video, something else, or unknown."""

import re
import tarfile
from collections.abc import Callable
from typing import Final, Literal, NamedTuple, TypeAlias

HEAD_BYTES: Final = 2048
"""As many as the longest signature needs: five transport packets of 204 bytes, and a page of Ogg."""

DEMUXERS: Final = (
    "mov", "matroska", "mpegts", "avi", "hevc", "h264", "flv", "live_flv", "asf", "mpeg", "mpegvideo", "m4v", "ogg",
    "ivf", "mxf", "dv", "mpjpeg",
)  # fmt: skip
"""libav's demuxers of the containers below. None opens a second file or address by itself, as playlists do."""


class Content(NamedTuple):
    """The type of a file by its first bytes."""

    kind: Literal["container", "other", "unknown"]
    """A container may hold audio alone; only its header as a whole tells."""
    name: str
    """A noun phrase, such as ``JPEG picture``."""


UNKNOWN: Final = Content("unknown", "unknown content")
EMPTY: Final = Content("other", "empty file")

PLAYLIST: Final = "playlist"
LFS_POINTER: Final = "Git LFS pointer"

_Test: TypeAlias = Callable[[bytes], bool]

_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp")
"""Types with which a QuickTime file may begin instead of ``ftyp`` (Apple, QuickTime File Format)."""
_PICTURE_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
"""Major brands of ISO/IEC 23008-12 (HEIF)."""
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_TS_SYNC = 0x47
_TS_FORMS = ((188, 0), (192, 4), (204, 0))
"""As in ``stream.video.truncation``: bytes of a transport packet, and the offset of its sync byte."""
_TS_PROBED, _TS_LEAST = 5, 3
_START_CODE = re.compile(rb"\0?\0\0\x01")
_HEVC_UNITS = (b"\x40\x01", b"\x42\x01", b"\x44\x01", b"\x46\x01", b"\x4e\x01")
"""Headers of the NAL units with which a stream begins: VPS, SPS, PPS, AUD, SEI (ITU-T H.265, 7.3.1.2)."""
_H264_UNITS = (6, 7, 9)
"""Types of SEI, SPS and AUD (ITU-T H.264, table 7-1)."""
_MPEG_UNITS = {0xBA: "MPEG program stream", 0xB3: "MPEG video", 0xB0: "MPEG-4 video", 0xB5: "MPEG-4 video"}
"""Start codes with which a stream begins (ISO/IEC 11172, 13818, 14496-2)."""


def content_of(head: bytes) -> Content:
    """What a file is whose first ``HEAD_BYTES`` bytes, or all of them if it is shorter, are ``head``."""
    if not head:
        return EMPTY
    if (container := _mpeg_name(head)) is not None:
        return Content("container", container)
    for name, is_this in _CONTAINERS:
        if is_this(head):
            return Content("container", name)
    for name, is_this in _OTHERS:
        if is_this(head):
            return Content("other", name)
    return Content("unknown", _text_name(head)) if _is_text(head) else UNKNOWN


def is_tar_header(head: bytes) -> bool:
    """Whether the first 512 bytes of a file are a member's header: every tar format has its checksum there."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "backslashreplace")
    except (tarfile.TarError, ValueError):
        return head[257:262] == b"ustar"  # a damaged header: reading it reports the damage
    return True


def _starts(*marks: bytes) -> _Test:
    return lambda head: head.startswith(marks)


def _riff(form: bytes) -> _Test:
    return lambda head: head.startswith(b"RIFF") and head[8:12] == form


def _ogg(*codecs: bytes) -> _Test:
    return lambda head: head.startswith(b"OggS") and any(codec in head for codec in codecs)


def _brand(*brands: bytes) -> _Test:
    return lambda head: head[4:8] == b"ftyp" and head[8:12] in brands


def _is_mov(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return head[8:12] not in _PICTURE_BRANDS + _AUDIO_BRANDS
    return head[4:8] in _ATOMS


def _is_transport_stream(head: bytes) -> bool:
    for packet_bytes, sync_at in _TS_FORMS:
        syncs = head[sync_at::packet_bytes][:_TS_PROBED]
        if len(syncs) >= _TS_LEAST and set(syncs) == {_TS_SYNC}:
            return True
    return False


def _mpeg_name(head: bytes) -> str | None:
    """The name of an elementary or program stream; None for anything else."""
    code = _START_CODE.match(head)
    unit = head[code.end() : code.end() + 2] if code else b""
    if len(unit) < 2:
        return None
    if unit in _HEVC_UNITS:
        return "H.265 stream"
    if unit[0] < 0x80 and unit[0] & 0x1F in _H264_UNITS:
        return "H.264 stream"
    return _MPEG_UNITS.get(unit[0])


def _is_multipart_jpeg(head: bytes) -> bool:
    return head.lstrip(b"\r\n").startswith(b"--") and b"image/jpeg" in head[:512].lower()


def _is_mpeg_audio(head: bytes) -> bool:
    """Frames of MPEG audio or of AAC in ADTS, whose first eleven or twelve bits are ones."""
    return head[0] == 0xFF and len(head) > 1 and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 in (0x00, 0x02, 0x04)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not just a character that was cut in half
            return False
        text = head[: error.start].decode("utf-8-sig")
    return all(each.isprintable() or each.isspace() for each in text)


def _text_name(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for mark, name in _TEXTS if mark.match(text)), "text")


_TEXTS: Final = (
    (re.compile(rb"#EXTM3U"), PLAYLIST),  # RFC 8216, 4.3.1.1
    (re.compile(rb"(<\?xml.{,200}?\?>\s*)?(<!--.{,1000}?-->\s*)?<MPD[\s>]", re.DOTALL), PLAYLIST),  # ISO/IEC 23009-1
    (re.compile(rb"version https://git-lfs"), LFS_POINTER),
    (re.compile(rb"(<!doctype html|<html)", re.IGNORECASE), "HTML page"),
)
"""What text begins with, after white space."""

_CONTAINERS: Final[tuple[tuple[str, _Test], ...]] = (
    ("MP4 or QuickTime", _is_mov),
    ("Matroska or WebM", _starts(b"\x1a\x45\xdf\xa3")),
    ("MPEG transport stream", _is_transport_stream),
    ("AVI", _riff(b"AVI ")),
    ("FLV", _starts(b"FLV\x01")),
    ("ASF or WMV", _starts(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"))),
    ("Ogg video", _ogg(b"\x80theora", b"OVP80")),
    ("IVF", _starts(b"DKIF")),
    ("MXF", _starts(bytes.fromhex("060e2b34020501010d0102"))),
    ("DV", _starts(b"\x1f\x07\x00")),
    ("MJPEG stream", _is_multipart_jpeg),
)

_OTHERS: Final[tuple[tuple[str, _Test], ...]] = (
    ("JPEG picture", _starts(b"\xff\xd8\xff")),
    ("PNG picture", _starts(b"\x89PNG\r\n\x1a\n")),
    ("GIF picture", _starts(b"GIF87a", b"GIF89a")),
    ("WebP picture", _riff(b"WEBP")),
    ("TIFF picture", _starts(b"II*\0", b"MM\0*")),
    ("HEIF picture", _brand(*_PICTURE_BRANDS)),
    ("MPEG-4 audio", _brand(*_AUDIO_BRANDS)),
    ("WAVE audio", _riff(b"WAVE")),
    ("FLAC audio", _starts(b"fLaC")),
    ("Ogg audio", _ogg(b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex")),
    ("MPEG audio", _starts(b"ID3")),
    ("MPEG audio", _is_mpeg_audio),
    ("PDF document", _starts(b"%PDF-")),
    ("HDF5 data", _starts(b"\x89HDF\r\n\x1a\n")),
    ("NumPy array", _starts(b"\x93NUMPY")),
    ("tar archive", lambda head: head[257:262] == b"ustar"),
    ("Zip archive", _starts(b"PK\x03\x04", b"PK\x05\x06")),
    ("gzip file", _starts(b"\x1f\x8b")),
    ("bzip2 file", _starts(b"BZh")),
    ("xz file", _starts(b"\xfd7zXZ\0")),
    ("Zstandard file", _starts(b"\x28\xb5\x2f\xfd")),
    ("7-Zip archive", _starts(b"7z\xbc\xaf\x27\x1c")),
)
