"""The messages between the chains and the process that holds their encoder (``stream.pipeline.codec``)."""

from dataclasses import dataclass
from typing import Final, TypeAlias, get_args

from models.encoders.encoder import EncoderFacts, Float16, Float32, UInt8
from stream.pipeline.codec import Codec

QUEUE_MESSAGES: Final = 256
"""High-water mark on either side of one chain; most messages are one frame."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A chain asks whether the service is ready."""


@dataclass(frozen=True, slots=True)
class PutFrame:
    """Store a frame in a slot of the chain, in place of an older one."""

    slot: int
    rgb: UInt8
    """(encoder_px, encoder_px, 3) uint8, RGB."""


@dataclass(frozen=True, slots=True)
class DropFrame:
    """Free a slot."""

    slot: int


@dataclass(frozen=True, slots=True)
class EncodeRequest:
    """Embed windows together."""

    request: int
    windows: list[list[int]]
    """The slots of each window's frames, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """The fields of every reply."""

    instance: str
    """Identifies the process; a restarted service has another one."""
    facts: EncoderFacts
    """Facts about the encoder, for ``run.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(_Reply):
    """The encoder is loaded; the answer to ``Hello``."""

    name: str
    frames: int
    """Frames in a window."""
    encoder_px: int
    """Width and height of a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded(_Reply):
    """The embeddings of a request's N windows."""

    request: int
    mean: Float32
    """(N, D) float32, mean over all tokens."""
    temporal: Float16
    """(N, T, D) float16, mean over space for each tubelet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeFailed(_Reply):
    """A request's windows could not be embedded."""

    request: int
    reason: str
    is_out_of_memory: bool


Request: TypeAlias = Hello | PutFrame | DropFrame | EncodeRequest
Reply: TypeAlias = Ready | Encoded | EncodeFailed

REQUESTS: Final[Codec[Request]] = Codec(*get_args(Request))
REPLIES: Final[Codec[Reply]] = Codec(*get_args(Reply))
