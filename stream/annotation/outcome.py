"""What the annotator said becomes a record: its words, then the actions, then the event that speaks of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from models.annotators.response.parse import AnswerError, DescribedAction, parse_answer
from models.weights.weights import identity
from stream.annotation.client import Said
from stream.annotation.cost import Price, price
from stream.annotation.raw_responses import RawResponses
from stream.annotation.request import request_without_frames
from stream.config import Options
from stream.errors import printable
from stream.pipeline.items import AnnotationOrder
from stream.records.schema import events
from stream.records.schema.annotations import Action, AnnotationsFile, Ecot, SceneObject
from stream.records.schema.layout import RunLayout
from stream.records.store.event_log import EventLog

_REASON_CHARS_MAX: Final = 300


class Outcomes:
    """Writes one outcome after another: all that an event speaks of is durable before it."""

    def __init__(self, layout: RunLayout, log: EventLog, options: Options) -> None:
        self._log = log
        self._raw = RawResponses(layout.raw_responses)
        self._annotations = AnnotationsFile(layout.annotations)
        self._annotator = annotator_name(options)
        self._options = options

    def settle(self, order: AnnotationOrder, said: Said, *, heard: bool = False) -> bool:
        """Record what was said of the segment that was asked about; returns whether it is described now.

        ``heard``: the words lie on disk already, from before the run went on.
        """
        if said.raw and not heard:
            self._raw.append(said)
        if isinstance(said, AnnotationFailure):
            return self._failed(order, said.reason, self._price(said))
        try:
            described = parse_answer(said.raw, request_without_frames(order), said.box_space)
        except AnswerError as error:
            return self._failed(order, str(error), self._price(said))
        return self._annotated(order, said, described)

    def close(self) -> None:
        self._raw.close()

    def _annotated(self, order: AnnotationOrder, said: AnnotationAnswer, described: Sequence[DescribedAction]) -> bool:
        self._annotations.put(order.segment_id, [_action(order, action) for action in described])
        self._log.append(
            events.SegmentAnnotated(
                segment_id=order.segment_id,
                annotator=self._annotator,
                actions=len(described),
                frames=said.frames,
                subtasks=tuple(action.ecot.subtask for action in described if action.ecot),
                objects=tuple(dict.fromkeys(seen.object_name for action in described for seen in action.objects)),
                **self._price(said),
            )
        )
        return True

    def _failed(self, order: AnnotationOrder, reason: str, price: Price) -> bool:
        short = printable(reason)[:_REASON_CHARS_MAX]
        self._log.append(
            events.SegmentFailed(segment_id=order.segment_id, annotator=self._annotator, reason=short, **price)
        )
        return False

    def _price(self, said: Said) -> Price:
        return price(said, self._options)


def annotator_name(options: Options) -> str:
    """The annotator and its model, short and without a path of this machine."""
    model = options.annotator.model
    if model is None:
        return options.annotator.name
    if options.annotator.name == "qwen":
        model, _ = identity(Path(model))
    return f"{options.annotator.name} {Path(model).name if Path(model).is_absolute() else model}"


def _action(order: AnnotationOrder, described: DescribedAction) -> Action:
    """The action in stream time, within its segment; the file gives it its number."""
    t_start_s, t_end_s = (_within(order, t_s) for t_s in (described.t_start_s, described.t_end_s))
    ecot = described.ecot
    return Action(
        action_id=1,
        t_start_s=t_start_s,
        t_end_s=t_end_s,
        active=described.active,
        objects=tuple(
            SceneObject(object_name=seen.object_name, bbox=seen.bbox, rigid=seen.rigid) for seen in described.objects
        ),
        ecot=Ecot(scene=ecot.scene, subtask=ecot.subtask, motion=ecot.motion, prediction=ecot.prediction)
        if ecot
        else None,
        segment_id=order.segment_id,
        kind=order.kind,
    )


def _within(order: AnnotationOrder, t_s: float) -> float:
    """Seconds from the segment's start to stream time, which is exact to the microsecond."""
    return min(max(round(order.t_start_s + t_s, 6), order.t_start_s), order.t_end_s)
