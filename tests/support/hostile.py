"""Real clips whose headers are made to lie."""

import struct
from pathlib import Path

_START_CODE = b"\x00\x00\x00\x01"
_SPS_HEADER = b"\x42\x01"
_BITS_BEFORE_SPS_ID = 8 + 96
"""Of a sequence parameter set with one sub-layer (ITU-T H.265, 7.3.2.2 and 7.3.3)."""


def patched(clip: Path, path: Path, *edits: tuple[int, bytes]) -> Path:
    """A copy of the clip in which other bytes stand at some offsets."""
    data = bytearray(clip.read_bytes())
    for offset, content in edits:
        data[offset : offset + len(content)] = content
    path.write_bytes(data)
    return path


def box(clip: Path, kind: bytes) -> int:
    """Offset of the content of the first box of this kind in an MP4."""
    return clip.read_bytes().index(kind) + 4


def u32(value: int) -> bytes:
    """As MP4 writes numbers."""
    return struct.pack(">I", value)


def with_coded_size(bare: Path, path: Path, width_px: int, height_px: int) -> Path:
    """A bare H.265 stream whose sequence parameter sets claim another size of the picture."""
    units = bare.read_bytes().split(_START_CODE)
    path.write_bytes(_START_CODE.join(_resized(unit, width_px, height_px) for unit in units))
    return path


def _resized(unit: bytes, width_px: int, height_px: int) -> bytes:
    if not unit.startswith(_SPS_HEADER):
        return unit
    raw = unit[2:].replace(b"\x00\x00\x03", b"\x00\x00")
    bits = "".join(f"{byte:08b}" for byte in raw)
    at, fields = _BITS_BEFORE_SPS_ID, []
    for _ in range(4):  # its number, the chroma format, width, height
        start, at = at, _end_of_golomb(bits, at)
        fields.append(bits[start:at])
    changed = bits[:_BITS_BEFORE_SPS_ID] + "".join(fields[:2]) + _golomb(width_px) + _golomb(height_px) + bits[at:]
    changed = changed.rstrip("0").ljust(-(-len(changed.rstrip("0")) // 8) * 8, "0")
    content = bytes(int(changed[place : place + 8], 2) for place in range(0, len(changed), 8))
    return _SPS_HEADER + _escaped(content)


def _end_of_golomb(bits: str, at: int) -> int:
    zeros = bits.index("1", at) - at
    return at + 2 * zeros + 1


def _golomb(value: int) -> str:
    coded = f"{value + 1:b}"
    return "0" * (len(coded) - 1) + coded


def _escaped(content: bytes) -> bytes:
    buffer = bytearray()
    for byte in content:
        if byte <= 3 and buffer[-2:] == b"\x00\x00":
            buffer.append(3)
        buffer.append(byte)
    return bytes(buffer)
