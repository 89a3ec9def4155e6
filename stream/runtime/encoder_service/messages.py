"""The messages between the chains and the process that holds their encoder (``stream.pipeline.codec``)."""

from dataclasses import dataclass
from typing import Final, TypeAlias, get_args

from models.encoders.encoder import Float16, Float32, UInt8
from stream.pipeline.codec import Codec
from stream.runtime.services.messages import Goodbye, Hello, ServiceReady, ServiceReply


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
class EncoderReady(ServiceReady):
    """The encoder is loaded; the answer to ``Hello``."""

    name: str
    frames: int
    """Frames in a window."""
    encoder_px: int
    """Width and height of a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded(ServiceReply):
    """The embeddings of a request's N windows."""

    request: int
    mean: Float32
    """(N, D) float32, mean over all tokens."""
    temporal: Float16
    """(N, T, D) float16, mean over space for each tubelet."""
    device_s: float
    """Time of the device for these windows: their share of the batch's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeFailed(ServiceReply):
    """A request's windows could not be embedded."""

    request: int
    reason: str
    is_out_of_memory: bool


Request: TypeAlias = Hello | Goodbye | PutFrame | DropFrame | EncodeRequest
Reply: TypeAlias = EncoderReady | Encoded | EncodeFailed

REQUESTS: Final[Codec[Request]] = Codec(*get_args(Request))
REPLIES: Final[Codec[Reply]] = Codec(*get_args(Reply))
