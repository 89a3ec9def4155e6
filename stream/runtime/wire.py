"""Items of the chain as ZeroMQ multipart messages (``stream.pipeline.codec``)."""

from collections.abc import Sequence
from typing import Final, get_args

from stream.pipeline.codec import Buffer, Codec
from stream.pipeline.items import Item, WireItem

_CODEC: Final[Codec[WireItem]] = Codec(*get_args(WireItem))


def encode(item: Item) -> list[Buffer]:
    """The parts to send. Arrays are not copied: do not change them before they are sent.

    Raises:
        CodecError: for an item that may not leave its process.
    """
    return _CODEC.encode(item)  # type: ignore[arg-type]  # the codec refuses the others


def decode(parts: Sequence[Buffer]) -> WireItem:
    """The item in a received message. Its arrays are read-only views of the message's own memory.

    Raises:
        CodecError: the message is not what ``encode`` makes.
    """
    return _CODEC.decode(parts)
