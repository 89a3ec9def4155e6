"""From a response to the record: the raw response, then the actions, then the event that refers to them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationResponse
from models.annotators.response.description import DescribedAction, DescribedObject, Description
from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.table import name_of
from stream.annotation.cost import cost_of
from stream.annotation.cuts import Cuts
from stream.annotation.raw_responses import RawResponses
from stream.annotation.request import request_of
from stream.config import Options
from stream.errors import printable
from stream.pipeline.facts import SegmentClosed
from stream.records.schema import events
from stream.records.schema.annotations import Action, AnnotationsFile, Ecot, SceneObject
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import EventLog
from stream.records.store.keyframes import in_ms

REASON_CHARS_MAX: Final = 300
_REPAIRS_MAX: Final = 50
"""More than an answer can need that meets its schema."""
_REPAIR_CHARS_MAX: Final = 160


class OutcomeWriter:
    """Writes one outcome after another: everything that an event refers to is durable before it."""

    def __init__(self, layout: RunLayout, log: EventLog, options: Options, cuts: Cuts) -> None:
        """``cuts`` has noted every segment that is recorded: an action may go on over a cut."""
        self._log = log
        self._raw = RawResponses(layout.raw_responses)
        self._annotations = AnnotationsFile(layout.annotations)
        annotator = options.annotator
        self._annotator = name_of(annotator.name, annotator.model) if annotator.enabled else annotator.name
        self._options = options
        self._cuts = cuts

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
            described = parse_answer(
                response.raw, request_of(segment), response.box_space, response.frame_times_s, response.form
            )
        except AnswerError as error:
            self._record_failed(segment, response, str(error))
            return False
        self._record_annotated(segment, response, described)
        return True

    def close(self) -> None:
        """Close the file of raw responses."""
        self._raw.close()

    def _record_annotated(self, segment: SegmentClosed, answer: AnnotationAnswer, described: Description) -> None:
        actions = described.actions
        self._annotations.put(
            segment.segment_id,
            actions_of(segment, described),
            (segment.t_start_s, segment.t_end_s),
            is_cut_before=self._cuts.before(segment) is not None,
            is_cut_after=self._cuts.after(segment) is not None,
        )
        self._log.append(
            events.SegmentAnnotated(
                segment_id=segment.segment_id,
                annotator=self._annotator,
                actions=len(actions),
                frames=answer.frames,
                preceding_frames=answer.preceding_frames,
                subtasks=tuple(action.ecot.subtask for action in actions if action.ecot),
                objects=tuple(dict.fromkeys(seen.object_name for action in actions for seen in action.objects)),
                repairs=bounded(described.repairs),
                uncovered_s=described.uncovered_s,
                **cost_of(answer, self._options),
            )
        )

    def _record_failed(self, segment: SegmentClosed, response: AnnotationResponse, reason: str) -> None:
        self._log.append(
            events.SegmentFailed(
                segment_id=segment.segment_id,
                annotator=self._annotator,
                reason=printable(reason)[:REASON_CHARS_MAX],
                **cost_of(response, self._options),
            )
        )


def bounded(repairs: Sequence[str]) -> tuple[str, ...]:
    """The repairs, printable, and how many more there were."""
    shown = tuple(printable(repair)[:_REPAIR_CHARS_MAX] for repair in repairs[:_REPAIRS_MAX])
    more = len(repairs) - len(shown)
    return (*shown, f"and {more} more") if more else shown


def actions_of(segment: SegmentClosed, described: Description) -> list[Action]:
    """The actions in stream time; the file gives them their numbers."""
    return [_action(segment, action) for action in described.actions]


def _action(segment: SegmentClosed, described: DescribedAction) -> Action:
    """The action in stream time, within its segment; the file gives it its number."""
    t_start_s, t_end_s = (_stream_s(segment, t_s) for t_s in (described.t_start_s, described.t_end_s))
    return Action(
        action_id=1,
        t_start_s=t_start_s,
        t_end_s=t_end_s,
        active=described.active,
        objects=tuple(_scene_object(segment, item) for item in described.objects),
        ecot=Ecot(**asdict(described.ecot)) if described.ecot else None,
        segment_id=segment.segment_id,
        kind=segment.kind,
    )


def _scene_object(segment: SegmentClosed, described: DescribedObject) -> SceneObject:
    """The object with its keyframe, whose time is in milliseconds, as its file is named."""
    t_s = described.frame_t_s
    return SceneObject(
        object_name=described.object_name,
        bbox=described.bbox,
        rigid=described.rigid,
        keyframe_t_s=None if t_s is None else (in_ms(segment.t_start_s) + round(t_s * 1000)) / 1000,
        keyframe_width_px=segment.keyframe_width_px,
        keyframe_height_px=segment.keyframe_height_px,
    )


def _stream_s(segment: SegmentClosed, t_s: float) -> float:
    """Seconds from the segment's start as stream time, which is exact to the microsecond."""
    return min(max(round(segment.t_start_s + t_s, 6), segment.t_start_s), segment.t_end_s)
