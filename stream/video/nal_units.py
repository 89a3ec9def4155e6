"""NAL units at the head of an H.265 packet: the kind of its picture, and the parameter sets that come with it.

Numbers of unit types are those of ITU-T H.265, table 7-1.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

_RADL_RASL = range(6, 10)
_RASL = range(8, 10)
_IRAP = range(16, 24)
_NOT_A_PICTURE = 32
"""From this type on, units code no picture."""
_PARAMETER_SETS = frozenset({32, 33, 34})  # video, sequence, picture

_START_CODE = b"\0\0\1"
"""Precedes each unit of a byte stream (ITU-T H.265, B.2.1)."""
_HVCC_LENGTH_AT = 21
"""Offset of ``lengthSizeMinusOne`` in an hvcC configuration (ISO/IEC 14496-15, 8.3.2.1), in the lowest two bits."""


class PacketHead(NamedTuple):
    """What precedes the first slice of a packet, and the type of that slice."""

    picture_type: int | None
    """Type of the first slice; None if there is none."""
    parameter_sets: tuple[bytes, ...]

    @property
    def is_random_access(self) -> bool:
        """Whether decoding may begin with this picture."""
        return self.picture_type in _IRAP

    @property
    def is_leading(self) -> bool:
        """Whether the picture is decoded after a random access point and shown before it."""
        return self.picture_type in _RADL_RASL

    @property
    def is_skipped(self) -> bool:
        """Whether it is a leading picture that cannot be decoded if decoding begins at its random access point."""
        return self.picture_type in _RASL

    @property
    def has_all_parameter_sets(self) -> bool:
        """Whether it brings a set of each kind."""
        return {_type(unit) for unit in self.parameter_sets} >= _PARAMETER_SETS


_SLICE_ALONE: Final = tuple(PacketHead(picture_type, ()) for picture_type in range(_NOT_A_PICTURE))
"""The head of most packets, by its type: no parameter sets."""


class NalUnits:
    """Reads the packets of one stream, which are either length-prefixed (MP4, Matroska) or a byte stream (Annex B)."""

    def __init__(self, extradata: bytes | None) -> None:
        """``extradata`` are the stream's codec parameters: an hvcC configuration, or parameter sets in Annex B."""
        self._extradata = extradata or b""
        is_hvcc = len(self._extradata) > _HVCC_LENGTH_AT and self._extradata[0] == 1
        self._length_bytes = (self._extradata[_HVCC_LENGTH_AT] & 3) + 1 if is_hvcc else None

    def head(self, data: bytes) -> PacketHead:
        """Read a packet up to its first slice."""
        first_at = self._length_bytes
        if first_at is not None and len(data) > first_at and any(data[:first_at]):  # most packets are a slice alone
            picture_type = data[first_at] >> 1 & 0x3F
            if picture_type < _NOT_A_PICTURE:
                return _SLICE_ALONE[picture_type]
        sets: list[bytes] = []
        units = _byte_stream(data) if self._length_bytes is None else _length_prefixed(data, self._length_bytes)
        for unit in units:
            if not unit:
                continue
            if _type(unit) < _NOT_A_PICTURE:
                return PacketHead(_type(unit), tuple(sets)) if sets else _SLICE_ALONE[_type(unit)]
            if _type(unit) in _PARAMETER_SETS:
                sets.append(bytes(unit))
        return PacketHead(None, tuple(sets))

    def has(self, parameter_set: bytes) -> bool:
        """Whether a parameter set is one of the stream's codec parameters, from which every decoder begins."""
        return parameter_set in self._extradata


class OwnParameterSets:
    """Finds the random access points at which a decoder that begins there has the right parameter sets.

    It knows those of the stream's codec parameters. Where a stream changes (its size, its depth), others come with the
    packets, perhaps only with the first one of a stretch; after that, only a packet that repeats them will do.
    """

    def __init__(self, units: NalUnits) -> None:
        self._units = units
        self._changed = False
        """Whether the parameter sets in force are others than the codec parameters."""

    def allow_entry(self, data: bytes) -> bool:
        """Take the next packet; return whether decoding may begin with it."""
        head = self._units.head(data)
        if not head.parameter_sets:
            return head.is_random_access and not self._changed
        brings_others = not all(self._units.has(unit) for unit in head.parameter_sets)
        if head.has_all_parameter_sets:
            self._changed = brings_others
            return head.is_random_access
        was_changed, self._changed = self._changed, self._changed or brings_others
        return head.is_random_access and not was_changed


def _type(unit: "bytes | memoryview") -> int:
    return unit[0] >> 1 & 0x3F


def _length_prefixed(data: bytes, length_bytes: int) -> Iterator[memoryview]:
    at, view = 0, memoryview(data)
    while at + length_bytes < len(data):
        length = int.from_bytes(view[at : at + length_bytes], "big")
        at += length_bytes
        yield view[at : at + length]
        at += length


def _byte_stream(data: bytes) -> Iterator[bytes]:
    """The units between start codes up to the first slice, of which only the first byte is returned."""
    start = data.find(_START_CODE) + len(_START_CODE)
    while len(_START_CODE) <= start < len(data):
        if _type(data[start : start + 1]) < _NOT_A_PICTURE:
            yield data[start : start + 1]
            return
        end = data.find(_START_CODE, start)
        yield data[start : end if end >= 0 else None].rstrip(b"\0")
        start = end + len(_START_CODE)
