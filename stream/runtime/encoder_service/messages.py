"""What a chain and the encoder's process say to each other: a packed dict, and where there is one, a frame's bytes."""

from collections.abc import Sequence
from typing import Any

import zmq

from stream.pipeline.codec import pack, unpack
from stream.pipeline.state import State

HELLO, PUT, DROP, ENCODE = "hello", "put", "drop", "encode"
"""What a chain may say, under ``say``."""
BY_A_CHAIN = (HELLO, PUT, DROP, ENCODE)
HERE, DONE, FAILED = "here", "done", "failed"
"""What it is told, under ``say``; ``instance`` with it tells one process from the next that takes its place."""
QUEUE_MESSAGES = 256
"""That wait on either side of one chain: a frame each, most of them."""


def send(socket: zmq.Socket[bytes], message: State, frame: Any = None, to: bytes | None = None) -> None:  # noqa: ANN401 - a buffer
    """Send a message, through a ROUTER ``to`` one of its peers."""
    parts = [*([to] if to is not None else []), pack(message), *([frame] if frame is not None else [])]
    socket.send_multipart(parts)


def receive(parts: Sequence[bytes]) -> tuple[State, bytes | None]:
    """A message and its frame, as they came.

    Raises:
        ValueError: it is none of ours.
    """
    if not 1 <= len(parts) <= 2:
        raise ValueError(f"a message of {len(parts)} parts, expected one or two")
    message = unpack(parts[0])
    if "say" not in message:
        raise ValueError(f"a message without 'say': {str(message)[:80]}")
    return message, parts[1] if len(parts) == 2 else None
