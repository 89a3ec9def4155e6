"""From a response to the record: the raw response, then the actions, then the event that refers to them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationResponse
from models.annotators.response.parse import AnswerError, DescribedAction, parse_answer
from models.annotators.table import name_of
from stream.annotation.cost import cost_of
from stream.annotation.raw_responses import RawResponses
from stream.annotation.request import request_of
from stream.config import Options
from stream.errors import printable
from stream.pipeline.facts import SegmentClosed
from stream.records.schema import events
from stream.records.schema.annotations import Action, AnnotationsFile, Ecot, SceneObject
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import EventLog

_REASON_CHARS_MAX: Final = 300


class OutcomeWriter:
    """Writes one outcome after another: everything that an event refers to is durable before it."""

    def __init__(self, layout: RunLayout, log: EventLog, options: Options) -> None:
        self._log = log
        self._raw = RawResponses(layout.raw_responses)
        self._annotations = AnnotationsFile(layout.annotations)
        annotator = options.annotator
        self._annotator = name_of(annotator.name, annotator.model) if annotator.enabled else annotator.name
        self._options = options

    def record(self, segment: SegmentClosed, response: AnnotationResponse, *, is_on_disk: bool) -> bool:
        """Record the response to the request for ``segment``; returns whether it is described now.

        ``is_on_disk``: the raw response was written by an earlier attempt.
        """
        if response.raw and not is_on_disk:
            self._raw.append(response)
        if isinstance(response, AnnotationFailure):
            self._record_failed(segment, response, response.reason)
            return False
        try:
            described = parse_answer(response.raw, request_of(segment), response.box_space)
        except AnswerError as error:
            self._record_failed(segment, response, str(error))
            return False
        self._record_annotated(segment, response, described)
        return True

    def close(self) -> None:
        """Close the file of raw responses."""
        self._raw.close()

    def _record_annotated(
        self, segment: SegmentClosed, answer: AnnotationAnswer, described: Sequence[DescribedAction]
    ) -> None:
        self._annotations.put(segment.segment_id, [_action(segment, action) for action in described])
        self._log.append(
            events.SegmentAnnotated(
                segment_id=segment.segment_id,
                annotator=self._annotator,
                actions=len(described),
                frames=answer.frames,
                subtasks=tuple(action.ecot.subtask for action in described if action.ecot),
                objects=tuple(dict.fromkeys(seen.object_name for action in described for seen in action.objects)),
                **cost_of(answer, self._options),
            )
        )

    def _record_failed(self, segment: SegmentClosed, response: AnnotationResponse, reason: str) -> None:
        self._log.append(
            events.SegmentFailed(
                segment_id=segment.segment_id,
                annotator=self._annotator,
                reason=printable(reason)[:_REASON_CHARS_MAX],
                **cost_of(response, self._options),
            )
        )


def _action(segment: SegmentClosed, described: DescribedAction) -> Action:
    """The action in stream time, within its segment; the file gives it its number."""
    t_start_s, t_end_s = (_stream_s(segment, t_s) for t_s in (described.t_start_s, described.t_end_s))
    return Action(
        action_id=1,
        t_start_s=t_start_s,
        t_end_s=t_end_s,
        active=described.active,
        objects=tuple(SceneObject(**asdict(item)) for item in described.objects),
        ecot=Ecot(**asdict(described.ecot)) if described.ecot else None,
        segment_id=segment.segment_id,
        kind=segment.kind,
    )


def _stream_s(segment: SegmentClosed, t_s: float) -> float:
    """Seconds from the segment's start as stream time, which is exact to the microsecond."""
    return min(max(round(segment.t_start_s + t_s, 6), segment.t_start_s), segment.t_end_s)
