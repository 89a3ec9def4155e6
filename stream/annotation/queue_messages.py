"""The events that the annotation queue takes, and the instructions that it gives."""

from dataclasses import dataclass
from typing import TypeAlias

from models.annotators.annotator import AnnotationResponse
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import AnnotationTask, AnnotatorUnavailable, End, WorkerExited, WorkerReady
from stream.records.schema.events import SegmentSkipped


@dataclass(frozen=True, slots=True)
class SegmentSelected:
    """It is decided whether a closed segment is to be described. Its event and its keyframes are durable."""

    task: AnnotationTask
    skip: SegmentSkipped | None = None
    """None: it is to be described."""


@dataclass(frozen=True, slots=True)
class OutcomeRecorded:
    """The outcome of a segment is durable."""

    segment_id: str
    is_annotated: bool
    """Whether the response described it; otherwise it has failed."""


@dataclass(frozen=True, slots=True)
class ResponseReplayed:
    """A response that was on disk when the run resumed."""

    response: AnnotationResponse


@dataclass(frozen=True, slots=True)
class ChannelReady:
    """The channel to the annotator can take one more message."""


QueueEvent: TypeAlias = (
    SegmentSelected | OutcomeRecorded | ResponseReplayed | ChannelReady
    | AnnotationResponse | WorkerReady | WorkerExited | AnnotatorUnavailable | End
)  # fmt: skip
"""The first ``End`` comes from the chain; the annotator returns it after its last response."""


@dataclass(frozen=True, slots=True)
class KeepKeyframes:
    """The keyframes of this segment must be kept."""

    segment: SegmentClosed


@dataclass(frozen=True, slots=True)
class ReleaseKeyframes:
    """The keyframes of this segment may be removed when room is needed."""

    segment: SegmentClosed


@dataclass(frozen=True, slots=True)
class DropKeyframes:
    """The keyframes of this segment are no longer needed."""

    segment: SegmentClosed


@dataclass(frozen=True, slots=True)
class Send:
    """Send the annotator its next task, or the end, after which no task follows."""

    message: AnnotationTask | End


@dataclass(frozen=True, slots=True)
class RecordResponse:
    """Record the response and its actions durably, then report ``OutcomeRecorded``."""

    segment: SegmentClosed
    response: AnnotationResponse
    is_on_disk: bool = False
    """Whether the raw response is durable already."""


@dataclass(frozen=True, slots=True)
class RecordSkip:
    """Record that this segment is skipped."""

    skip: SegmentSkipped


@dataclass(frozen=True, slots=True)
class SelectAgain:
    """Decide again whether this segment is to be described, and report ``SegmentSelected``."""

    segment: SegmentClosed


@dataclass(frozen=True, slots=True)
class Refuse:
    """Report that this response answers no open request."""

    response: AnnotationResponse


@dataclass(frozen=True, slots=True)
class RecordRestart:
    """Record that the annotator's process exited and is restarted."""

    process: str
    reason: str


@dataclass(frozen=True, slots=True)
class StopRun:
    """The annotator cannot work, and this run is useless without it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Every segment is settled, and no more will come. Nothing follows."""

    end: End


Instruction: TypeAlias = (
    KeepKeyframes | ReleaseKeyframes | DropKeyframes | Send | RecordResponse | RecordSkip | SelectAgain
    | Refuse | RecordRestart | StopRun | Finish
)  # fmt: skip
