"""Items as ZeroMQ multipart messages: one versioned msgpack header, then the raw buffers it names.

    part 0   msgpack {"v": 1, "item": "EncoderFrame", "fields": {...}, "buffers": [["rgb", "|u1", [256, 256, 3]], ...]}
    part 1.. the bytes of each buffer, in that order; a plain ``bytes`` field has the dtype "bytes"

Nothing is pickled, and nothing in a message can name code: only the item kinds and dtypes listed here decode.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeAlias, get_args

import msgpack
import numpy as np

from stream.errors import EgocleanError
from stream.pipeline.items import Item, WireItem

VERSION = 1
HEADER_BYTES_MAX = 256 * 1024
"""Room for an annotator's words, which are plain fields."""

Buffer: TypeAlias = bytes | memoryview

_KINDS: dict[str, type[WireItem]] = {kind.__name__: kind for kind in get_args(WireItem)}
_FIELDS = {name: tuple(field.name for field in fields(kind)) for name, kind in _KINDS.items()}
_DTYPES = frozenset({"|u1", "<f2", "<f4", "<f8"})


class WireError(EgocleanError):
    """A message is not one of ours."""


def encode(item: Item) -> list[Buffer]:
    """The parts to send. Arrays are not copied: do not change them before they are sent.

    Raises:
        WireError: for an item that may not leave its process.
    """
    name = type(item).__name__
    if name not in _KINDS:
        raise WireError(f"a {name} cannot leave its process, only {sorted(_KINDS)} can")
    plain: dict[str, Any] = {}
    named: list[tuple[str, str, tuple[int, ...]]] = []
    parts: list[Buffer] = [b""]
    for field in _FIELDS[name]:
        value = getattr(item, field)
        if isinstance(value, np.ndarray):
            named.append((field, value.dtype.str, value.shape))
            parts.append(np.ascontiguousarray(value).data.cast("B"))
        elif isinstance(value, bytes):
            named.append((field, "bytes", (len(value),)))
            parts.append(value)
        else:
            plain[field] = value
    parts[0] = msgpack.packb({"v": VERSION, "item": name, "fields": plain, "buffers": named})
    return parts


def decode(parts: Sequence[Buffer]) -> WireItem:
    """The item in a received message. Its arrays are read-only views of the message's own memory.

    Raises:
        WireError: if the header or a buffer is not what ``encode`` would have made.
    """
    header = _header(parts)
    values: dict[str, Any] = dict(header["fields"])
    for (field, dtype, shape), part in zip(header["buffers"], parts[1:], strict=True):
        values[field] = bytes(part) if dtype == "bytes" else _array(part, dtype, shape)
    try:
        return _KINDS[header["item"]](**values)
    except TypeError as error:
        raise WireError(f"a {header['item']} message does not have that item's fields: {error}") from error


def _header(parts: Sequence[Buffer]) -> dict[str, Any]:
    if not parts or len(parts[0]) > HEADER_BYTES_MAX:
        raise WireError(f"a message has no header, or one above {HEADER_BYTES_MAX} bytes")
    try:
        header = msgpack.unpackb(parts[0])
    except ValueError as error:
        raise WireError(f"a message's header is not msgpack: {error}") from error
    if not isinstance(header, dict) or header.get("v") != VERSION:
        raise WireError(f"a message's header has not version {VERSION}: {str(header)[:80]}")
    if header.get("item") not in _KINDS:
        raise WireError(f"unknown item {header.get('item')!r}, expected one of {sorted(_KINDS)}")
    if not isinstance(header.get("fields"), dict) or len(header.get("buffers", ())) != len(parts) - 1:
        raise WireError(f"a {header['item']} message names other buffers than its {len(parts) - 1}")
    return header


def _array(part: Buffer, dtype: str, shape: list[int]) -> np.ndarray[Any, np.dtype[Any]]:
    if dtype not in _DTYPES:
        raise WireError(f"dtype {dtype!r} may not cross the wire, expected one of {sorted(_DTYPES)}")
    try:
        array: np.ndarray[Any, np.dtype[Any]] = np.frombuffer(part, dtype=dtype).reshape(shape)
    except ValueError as error:
        raise WireError(f"a buffer of {len(part)} bytes is no {dtype} array of shape {shape}") from error
    array.flags.writeable = False
    return array
