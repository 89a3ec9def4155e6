"""The form of a message between processes, which holds the encoded parts of one item or of several.

It has two parts, whatever the number of items, since each part costs system calls on either side. The head is msgpack:
the time at which it was sent, on the clock that all processes share, and the sizes of the parts of each item. The body
is these parts, one after another.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import Final

import msgpack

from stream.pipeline.codec import Buffer, CodecError

_ALIGNMENT: Final = 8
"""Each part begins at a multiple of so many bytes of the body, as the elements of arrays do in memory."""


def size_of(parts: Sequence[Buffer]) -> int:
    """The bytes that the parts of an item take in the body of a message."""
    return sum(_aligned(len(part)) for part in parts)


def message_of(sent_at: float, items: Sequence[Sequence[Buffer]]) -> tuple[bytes, bytes]:
    """Head and body of a message that is sent at ``sent_at``, in seconds of the monotonic clock."""
    head: bytes = msgpack.packb([sent_at, [[len(part) for part in parts] for parts in items]])
    return head, b"".join(chain.from_iterable(map(_padded, chain.from_iterable(items))))


def items_of(message: Sequence[Buffer]) -> tuple[float, list[list[Buffer]]]:
    """When a message was sent, and the parts of its items, which are views of its memory.

    Raises:
        CodecError: it is not what ``message_of`` makes.
    """
    try:
        head, body = message
        sent_at, items = msgpack.unpackb(head)
        begins = [0, *accumulate(_aligned(size) for sizes in items for size in sizes)]
    except (ValueError, TypeError) as error:
        raise CodecError(f"a message of {len(message)} parts does not begin with a time and sizes") from error
    if begins[-1] != len(body):
        raise CodecError(f"a message has {len(body)} bytes, expected the {begins[-1]} that it begins with")
    parts: Iterator[Buffer] = (
        body[at : at + size] for at, size in zip(begins, chain.from_iterable(items), strict=False)
    )
    return sent_at, [list(islice(parts, len(sizes))) for sizes in items]


def _aligned(size: int) -> int:
    return size + -size % _ALIGNMENT


def _padded(part: Buffer) -> tuple[Buffer, ...]:
    rest = -len(part) % _ALIGNMENT
    return (part, bytes(rest)) if rest else (part,)
