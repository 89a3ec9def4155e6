"""The contract of an annotator: requests for closed segments in, responses out.

An annotator knows no stream and no disk. It gets a segment's frames and describes them; the caller checks that the
response is for that very segment, and converts it to stream time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

AnnotatorFacts: TypeAlias = dict[str, str | int | float]
AnswerForm: TypeAlias = Literal["annotate-v2", "annotate-v3"]
"""The form of an answer, by the name of the prompt that asks for it (``models.annotators.response.schema``)."""
PRECEDING_FRAMES_MAX: Final = 3
"""Most frames from before a segment in its request."""


@dataclass(frozen=True, slots=True)
class RequestFrame:
    """One keyframe of a segment."""

    t_s: float
    """Seconds from the segment's start; at least 0, less than its duration. Below 0: it is a preceding frame."""
    jpeg: bytes
    """The rectified picture; all frames of a segment have one size."""


@dataclass(frozen=True, slots=True)
class AnnotationRequest:
    """One closed segment to be described."""

    segment_id: str
    frames_digest: str
    """SHA-256 over the digests of all of the segment's keyframes, as 64 hexadecimal digits."""
    duration_s: float
    frames: tuple[RequestFrame, ...]
    """One or more frames in ascending order of time."""
    width_px: int
    height_px: int
    """Size of the frames."""
    hint: str | None = None
    """The detector's result in words; None if it is withheld."""
    note: str | None = None
    """What else the model has to know of these pictures, in one sentence."""
    actions_max: int | None = None
    """Most actions in the answer; None: as many as a segment may have."""
    preceding: tuple[RequestFrame, ...] = ()
    """Frames of the same size from just before the segment, in ascending order of time: they are shown before the
    others, and not described. What is no such picture is left out."""


@dataclass(frozen=True, slots=True)
class AnnotationAnswer:
    """The model's answer for one segment."""

    segment_id: str
    frames_digest: str
    """Both as in the request: an answer with others is refused."""
    raw: str
    """The text of the model, unparsed."""
    frames: int
    """Frames that the model was shown: fewer than in the request if the memory did not suffice."""
    tokens_in: int
    tokens_out: int
    seconds: float
    """Time of the model for this segment; the time of a batch is divided among its segments."""
    box_space: Sequence[int] | None = None
    """Width and height of the grid of its boxes; None: the request's own pixels."""
    frame_times_s: Sequence[float] = ()
    """Times of the frames that the model was shown, in seconds from the segment's start; empty if not known."""
    form: AnswerForm = "annotate-v2"
    """That of the prompt; raw responses of earlier versions do not say it."""
    preceding_frames: int = 0
    """Frames from before the segment that the model was shown, too."""


@dataclass(frozen=True, slots=True)
class AnnotationFailure:
    """A segment that could not be described, and why; with the text of the model and what it cost, if any."""

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
        """Most segments in a batch."""
        ...

    def facts(self) -> AnnotatorFacts:
        """Facts that a record needs to repeat a request.

        Keys: ``model``, ``revision``, ``weights_sha256``, ``dtype``, ``device``, ``runtime``, ``prompt``,
        ``prompt_sha256``, ``schema_sha256``, ``frames_max``, ``pixels_max``, ``box_space`` (``pixels`` or
        ``thousandths``), ``quantization``, ``temperature``, ``adaptations`` (to what a server accepts),
        ``peak_vram_bytes`` (as ``models.memory.vram.facts``), ``memory_halvings``; those that do not apply are left
        out.
        """
        ...

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationResponse]:
        """Describe at most ``batch_max`` segments; each response is returned as soon as it is known, in any order.

        A model that generates a batch in step returns all of them at once.

        Raises:
            ModelUnavailableError: the model cannot answer any request, now or later.
        """
        ...
