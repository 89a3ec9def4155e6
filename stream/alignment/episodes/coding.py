"""How an episode stores its pictures, and storing other pictures the same way."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np

from stream.errors import EgocleanError
from stream.pipeline.items import UInt8

Storage: TypeAlias = Literal["jpeg", "png", "raw"]
"""``jpeg`` and ``png``: each picture as the bytes of such a file; ``raw``: BGR values."""

USUAL_QUALITY: Final = 95
_PNG: Final = b"\x89PNG"
_FAST_PNG: Final = [cv2.IMWRITE_PNG_COMPRESSION, 1]
_TABLES, _SCAN = 0xDB, 0xDA
_UNIT_Q50_SUM: Final = 3688
"""Sum of the 64 values of the luminance table in Annex K of ITU-T T.81, which is quality 50 of libjpeg."""


@dataclass(frozen=True, slots=True)
class PictureCoding:
    """The storage of pictures, and for ``jpeg`` its quality, 1 to 100, by libjpeg's scale."""

    storage: Storage
    quality: int = USUAL_QUALITY

    @classmethod
    def of_file(cls, content: bytes) -> "PictureCoding":
        """The coding of a picture file: JPEG of its own quality, or PNG."""
        return cls("png") if content.startswith(_PNG) else cls("jpeg", _quality(content))

    def encoded(self, picture: UInt8) -> bytes:
        """A (H, W, 3) BGR picture as a file; raw ones as PNG, which loses nothing."""
        if self.storage == "jpeg":
            return _encoded(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        return as_png(picture)


def as_png(picture: UInt8) -> bytes:
    """A (H, W) or (H, W, 3) BGR picture as PNG."""
    return _encoded(".png", picture, _FAST_PNG)


def decoded(content: bytes, flag: int = cv2.IMREAD_COLOR_BGR) -> UInt8 | None:
    """The picture in a file's bytes; None if it is none, or is truncated."""
    data = np.frombuffer(content, np.uint8)
    if not data.size or not _is_whole(content):
        return None
    try:
        picture = cv2.imdecode(data, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _is_whole(content: bytes) -> bool:
    """Whether a JPEG has its end marker: libjpeg fills the rest of a truncated one with grey, and only warns."""
    return not content.startswith(b"\xff\xd8") or content.rstrip(b"\0").endswith(b"\xff\xd9")


def _encoded(ending: str, picture: UInt8, options: list[int]) -> bytes:
    done, content = cv2.imencode(ending, picture, options)
    if not done:
        height, width = picture.shape[:2]
        raise EgocleanError(f"a picture of {width}x{height} could not be stored as {ending}")
    return content.tobytes()


def _quality(jpeg: bytes) -> int:
    """The quality by which libjpeg scales its luminance table to the one of this file; the usual one if it has none.

    Source: ``jpeg_quality_scaling`` of libjpeg: tables are scaled by 50 / quality below 50, and by 2 - quality / 50
    from there on.
    """
    for table in _luminance_tables(jpeg):
        scale = sum(table) / _UNIT_Q50_SUM
        quality = 50 / scale if scale > 1.0 else 100 - 50 * scale
        return min(100, max(1, round(quality)))
    return USUAL_QUALITY


def _luminance_tables(jpeg: bytes) -> Iterator[tuple[int, ...]]:
    """The 64 values of each 8-bit quantisation table with the number 0."""
    position = 2
    while position + 4 <= len(jpeg) and jpeg[position] == 0xFF and jpeg[position + 1] != _SCAN:
        marker, (length,) = jpeg[position + 1], struct.unpack_from(">H", jpeg, position + 2)
        tables = jpeg[position + 4 : position + 2 + length] if marker == _TABLES else b""
        while len(tables) >= 65:
            if tables[0] == 0:
                yield tuple(tables[1:65])
            tables = tables[65:] if tables[0] < 16 else tables[129:]
        position += 2 + length
