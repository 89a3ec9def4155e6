"""The contract of an annotator: closed segments in, what the model said of each out.

An annotator knows no stream and no disk. It gets a segment's frames and says what it sees; whoever asked checks that
the answer is for that very segment, and puts it on the stream's time line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Facts: TypeAlias = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Frame:
    """One keyframe of a segment."""

    t_s: float
    """Seconds from the segment's start; at least 0, less than its duration."""
    jpeg: bytes
    """The rectified picture; all frames of a segment have one size."""


@dataclass(frozen=True, slots=True)
class AnnotationRequest:
    """One closed segment to be described."""

    segment_id: str
    frames_digest: str
    """SHA-256 over the digests of all of the segment's keyframes, as 64 hexadecimal digits."""
    duration_s: float
    frames: tuple[Frame, ...]
    """At least one, in ascending order of time."""
    width_px: int
    height_px: int
    """Size of the frames."""
    hint: str | None = None
    """The detector's view in words; None where it is withheld."""


@dataclass(frozen=True, slots=True)
class AnnotationAnswer:
    """What the model said of one segment."""

    segment_id: str
    frames_digest: str
    """Both as in the request: an answer that names others is nobody's."""
    raw: str
    """The words of the model, unparsed."""
    frames: int
    """Frames that the model was shown: fewer than there were, where the memory did not suffice."""
    tokens_in: int
    tokens_out: int
    seconds: float
    """Time of the model for this segment; a batch's time is shared out among its segments."""
    box_space: Sequence[int] | None = None
    """Width and height of the grid that its boxes were asked for in; None: the request's own pixels."""


@dataclass(frozen=True, slots=True)
class AnnotationFailure:
    """A segment that could not be described, and why; with what the model said and took all the same."""

    segment_id: str
    frames_digest: str
    reason: str
    raw: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


AnnotationResponse: TypeAlias = AnnotationAnswer | AnnotationFailure


class Annotator(Protocol):
    """Describes segments in batches."""

    @property
    def batch_max(self) -> int:
        """The most segments that are worth being given at once."""
        ...

    def facts(self) -> Facts:
        """What a record needs to ask the same again.

        Keys: ``model``, ``revision``, ``weights_sha256``, ``dtype``, ``device``, ``runtime``, ``prompt``,
        ``prompt_sha256``, ``schema_sha256``, ``frames_max``, ``pixels_max``, ``quantization``, ``temperature``,
        ``peak_vram_bytes`` (as ``models.memory.vram.facts``), ``memory_halvings``; those that do not apply are left
        out.
        """
        ...

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationResponse]:
        """Describe at most ``batch_max`` segments; each is given as soon as it is there, in any order.

        A model that makes a batch's answers in step has them all at once.

        Raises:
            ModelUnavailableError: the model can answer none at all, now or later.
        """
        ...
