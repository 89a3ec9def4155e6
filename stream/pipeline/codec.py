"""The one serialisation: messages between processes, and snapshots on disk.

    part 0   one byte, the version; then msgpack, in which dataclasses, arrays and ``bytes`` fields are extensions
    part 1.. the raw bytes of each array and each ``bytes`` field, as the extensions number them

Nothing is pickled, and nothing in a message can name code: only the kinds that a codec lists decode, and only the
dtypes that are listed here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgpack
import numpy as np
import numpy.typing as npt

from stream.errors import EgocleanError

VERSION: Final = 2
"""1 was a dict for items, and packed states without a version."""
HEADER_BYTES_MAX: Final = 256 * 1024
"""Of part 0: room for the text of an annotator, which is in plain fields."""
DTYPES: Final = frozenset({"|u1", "<i8", "<f2", "<f4", "<f8"})

_ARRAY, _BYTES, _RECORD = 1, 2, 3
"""msgpack's extension types: ``[dtype, shape, part]``, ``part`` and ``[kind, fields]``. A part is the number of a raw
buffer, or, of an array that is packed in one piece, the buffer itself."""

_BUFFER_BYTES: Final = 4096
"""In which msgpack begins to pack; it grows. By its default of 1 MiB, most messages would cost twice as much time."""
_DEPTH_MAX: Final = 4
"""Of kinds in one another: msgpack takes 40 KB of the C stack for each."""

Buffer: TypeAlias = bytes | memoryview
T = TypeVar("T")


class CodecError(EgocleanError, ValueError):
    """A value cannot be encoded, or bytes are not what a codec makes."""


class Codec(Generic[T]):
    """Encodes messages of the listed dataclasses; their fields hold msgpack's types, arrays, bytes and nested kinds."""

    def __init__(self, *kinds: type[T], nested: Sequence[type] = (), header_bytes_max: int = HEADER_BYTES_MAX) -> None:
        """``kinds`` are messages, ``nested`` may only be parts of them; class names identify them."""
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._by_name: dict[str, type] = {kind.__name__: kind for kind in (*kinds, *nested)}
        self._fields: dict[type, tuple[str, ...]] = {
            kind: tuple(field.name for field in fields(kind)) for kind in self._by_name.values()
        }
        self._header_bytes_max = header_bytes_max

    def encode(self, message: T) -> list[Buffer]:
        """The parts to send. Arrays are not copied: do not change them before they are sent.

        Raises:
            CodecError: the message, or something in it, is not of a listed kind or dtype.
        """
        if type(message).__name__ not in self._kinds:
            raise CodecError(f"a {type(message).__name__} cannot be sent, only {sorted(self._kinds)} can")
        parts: list[Buffer] = [b""]

        def extension(value: object) -> msgpack.ExtType:
            if isinstance(value, np.ndarray):
                parts.append(_raw(value))
                return _array_extension(value, len(parts) - 1)
            if type(value) not in self._fields:
                raise CodecError(f"a {type(value).__name__} in a {type(message).__name__} cannot be sent")
            content: dict[str, Any] = {}
            for name in self._fields[type(value)]:
                content[name] = getattr(value, name)
                if isinstance(content[name], bytes):
                    parts.append(content[name])
                    content[name] = msgpack.ExtType(_BYTES, _packed(len(parts) - 1))
            return msgpack.ExtType(_RECORD, _packed([type(value).__name__, content], default=extension))

        parts[0] = _versioned(message, extension)
        return parts

    def decode(self, parts: Sequence[Buffer]) -> T:
        """The message in received parts. Its arrays are read-only views of the parts' own memory.

        Raises:
            CodecError: the parts are not what ``encode`` makes.
        """
        if not parts or len(parts[0]) > self._header_bytes_max:
            raise CodecError(f"a message has no header, or one above {self._header_bytes_max} bytes")
        received = _Parts(parts, self._record)
        message = _from_versioned(parts[0], received.extension)
        name = type(message).__name__
        if self._kinds.get(name) is not type(message):
            raise CodecError(f"a message is a {name}, expected one of {sorted(self._kinds)}")
        if sorted(received.used) != list(range(1, len(parts))):
            raise CodecError(f"a {name} message names other buffers than its {len(parts) - 1}")
        return message

    def _record(self, name: str, content: dict[str, Any]) -> object:
        if name not in self._by_name:
            raise CodecError(f"unknown kind {name!r}, expected one of {sorted(self._by_name)}")
        try:
            return self._by_name[name](**content)
        except (TypeError, ValueError) as error:  # pydantic's errors are ValueErrors
            raise CodecError(f"a {name} message does not have the fields of its kind: {error}") from error


class _Parts:
    """The parts of a received message, as its header refers to them."""

    def __init__(self, parts: Sequence[Buffer], record: Callable[[str, dict[str, Any]], object]) -> None:
        self._parts = parts
        self._record = record
        self._depth = 0
        self.used: list[int] = []
        """Numbers of the parts that the header has named so far."""

    def extension(self, code: int, data: bytes) -> object:
        """The value of an extension."""
        if self._depth == _DEPTH_MAX:
            raise CodecError(f"a message is nested more than {_DEPTH_MAX} kinds deep")
        self._depth += 1
        content = msgpack.unpackb(data, ext_hook=self.extension)
        self._depth -= 1
        if code == _ARRAY:
            dtype, shape, number = content
            return _array(self._part(number), dtype, shape)
        if code == _BYTES:
            return bytes(self._part(content))
        if code == _RECORD:
            return self._record(*content)
        raise CodecError(f"a message has extension {code}, which is unknown")

    def _part(self, number: object) -> Buffer:
        if not isinstance(number, int) or not 0 < number < len(self._parts):
            raise CodecError(f"a message names buffer {number!r}, but has {len(self._parts) - 1}")
        self.used.append(number)
        return self._parts[number]


def pack(value: Mapping[str, object]) -> bytes:
    """A dict of msgpack's types and arrays in one piece, for a file or for a field of a message.

    Raises:
        CodecError: something in it is of another type.
    """

    def extension(value: object) -> msgpack.ExtType:
        if not isinstance(value, np.ndarray):
            raise CodecError(f"a {type(value).__name__} cannot be packed, only msgpack's types and arrays can")
        return _array_extension(value, _raw(value))

    return _versioned(dict(value), extension)


def unpack(data: Buffer) -> dict[str, object]:
    """The dict that ``pack`` packed; its arrays are read-only.

    Raises:
        CodecError: it is something else, or another version packed it.
    """

    def extension(code: int, data: bytes) -> object:
        if code != _ARRAY:
            raise CodecError(f"packed data has extension {code}, expected {_ARRAY}")
        dtype, shape, content = msgpack.unpackb(data)
        return _array(content, dtype, shape)

    value = _from_versioned(data, extension)
    if not isinstance(value, dict):
        raise CodecError(f"packed is a {type(value).__name__}, expected a dict")
    return value


def _packed(value: object, default: Callable[[object], msgpack.ExtType] | None = None) -> bytes:
    packed: bytes = msgpack.packb(value, default=default, buf_size=_BUFFER_BYTES)
    return packed


def _versioned(value: object, extension: Callable[[object], msgpack.ExtType]) -> bytes:
    packer = msgpack.Packer(default=extension, buf_size=_BUFFER_BYTES, autoreset=False)
    packer.pack(VERSION)  # msgpack's form of a small number is one byte: the number
    try:
        packer.pack(value)
    except (TypeError, OverflowError) as error:
        raise CodecError(f"a value cannot be encoded: {error}") from error
    return bytes(packer.bytes())


def _from_versioned(data: Buffer, extension: Callable[[int, bytes], object]) -> Any:  # noqa: ANN401 - the callers look
    if not len(data) or data[0] != VERSION:
        raise CodecError(f"a header has version {data[0] if len(data) else 'none'}, expected {VERSION}")
    try:
        return msgpack.unpackb(memoryview(data)[1:], ext_hook=extension)
    except CodecError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise CodecError(f"a header is not msgpack as this codec writes it: {error}") from error


def _raw(array: npt.NDArray[Any]) -> Buffer:
    return np.ascontiguousarray(array).data.cast("B") if array.size else b""


def _array_extension(array: npt.NDArray[Any], part: int | Buffer) -> msgpack.ExtType:
    if array.dtype.str not in DTYPES:
        raise CodecError(f"an array of {array.dtype.str} cannot be encoded, expected one of {sorted(DTYPES)}")
    return msgpack.ExtType(_ARRAY, _packed([array.dtype.str, array.shape, part]))


def _array(part: Buffer, dtype: object, shape: list[int]) -> npt.NDArray[Any]:
    if dtype not in DTYPES:
        raise CodecError(f"dtype {dtype!r} is not allowed, expected one of {sorted(DTYPES)}")
    kind = np.dtype(str(dtype))
    if any(not isinstance(length, int) or length < 0 for length in shape) or math.prod(shape) * kind.itemsize != len(
        part
    ):
        raise CodecError(f"a buffer of {len(part)} bytes is no {dtype} array of shape {shape}")
    array = np.frombuffer(part, kind).reshape(shape)
    array.flags.writeable = False
    return array
