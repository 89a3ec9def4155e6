"""Describes the clip of a finished run as a whole: one request, or a few for parts that overlap.

The model decides where actions begin and end, over the whole time axis; the detector's segments stay what they are.
The raw responses on disk are the state: what was answered is not asked again, and the actions follow from them.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationResponse, RequestFrame
from models.annotators.context import actions_max_for
from models.annotators.response.parse import AnswerError
from models.annotators.table import name_of
from stream.annotation.client import AnnotatorClient
from stream.annotation.clip_outcomes import FailedPart, in_segments, outcome_of, part_annotated, part_failed
from stream.annotation.clip_parts import ClipPart, joined_actions, parts_of_clip
from stream.annotation.clip_requests import actions_in_part, description_of, request_for, segments_of
from stream.annotation.cost import cost_of
from stream.annotation.factory import context_for
from stream.annotation.raw_responses import RawResponses, read_responses
from stream.annotation.request import FramesMissingError, read_frames
from stream.errors import ModelUnavailableError, UsageError
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import AnnotatorUnavailable
from stream.records.schema.annotations import Action, numbered, write_annotations
from stream.records.schema.events import NO_RESPONSE, Outcome, PartAnnotated, PartFailed, PartOutcome
from stream.records.store.event_log import ResumableLog, read_events
from stream.records.store.keyframes import KeyframeCache, in_ms
from stream.run.annotation_work import AnnotationWork, Call, LoadedWork
from stream.ui.text import count

_FPS: Final = 1.0
"""Frames a second that the model is shown, as the original pipeline of Egocentric-100K shows them."""


class ClipWork(AnnotationWork):
    """Describes the parts, joins their actions, and gives each segment its outcome."""

    def __init__(self, call: Call) -> None:
        """Work out how long a part may be.

        Raises:
            UsageError: the model's context is too short for any.
        """
        frames_max = context_for(call.options).frames_max(_FPS)
        if not frames_max:
            raise UsageError(
                f"the context of {call.options.annotator.model} is too short for a clip: give one of at least 16384 "
                "tokens with --annotator-context"
            )
        self._longest_s = frames_max / _FPS
        actions_max = actions_max_for(self._longest_s)
        of_parts = {"annotator.frames": frames_max, "annotator.batch": 1, "resolved.actions_max": actions_max}
        super().__init__(replace(call, options=call.options.replace(of_parts)))
        self._annotator = name_of(self._options.annotator.name, self._options.annotator.model)

    def _reopens(self, outcome: Outcome, outcomes: Mapping[str, Outcome]) -> bool:  # noqa: ARG002 - all may change
        return True

    def _describe(self, log: ResumableLog, closed: Sequence[SegmentClosed]) -> bool:
        if not closed:
            return False
        parts = parts_of_clip(((each.t_start_s, each.t_end_s) for each in closed), self._longest_s)
        done = self._outcomes_of(parts)
        known = self._actions_of_parts([each for each in parts if _is_described(done.get(each.part_id))], closed)
        waiting = [part for part in parts if part.part_id not in known]
        if waiting:
            self._request(log, closed, parts, waiting, done)
        if is_settled := self._settle(log, closed, parts):
            self._let_go(self._cache(), closed, parts, self._outcomes_of(parts))
        return is_settled or bool(waiting)

    def _outcomes_of(self, parts: Sequence[ClipPart]) -> dict[str, PartOutcome]:
        """The last outcome of each part.

        Raises:
            UsageError: the annotation began with other parts.
        """
        spans = {part.part_id: (part.t_start_s, part.t_end_s) for part in parts}
        found: dict[str, PartOutcome] = {}
        for event in read_events(self._layout.events):
            if isinstance(event, PartOutcome) and event.annotation_name == self._target.recorded_name:
                if spans.get(event.part_id) != (event.t_start_s, event.t_end_s):
                    raise UsageError(
                        f"annotation {event.annotation_name} of {self._layout.root} has parts of another length: "
                        "give the same --annotator-context and model, or another --annotation"
                    )
                found[event.part_id] = event
        return found

    def _request(
        self,
        log: ResumableLog,
        closed: Sequence[SegmentClosed],
        parts: Sequence[ClipPart],
        waiting: Sequence[ClipPart],
        done: dict[str, PartOutcome],
    ) -> None:
        work = self._load([segment for part in waiting for segment in segments_of(part, closed)])
        self._begin(log)
        path = self._target.layout.raw_responses
        answered = self._actions_of_parts(waiting, closed)  # also one that failed before: it was asked again
        on_disk = {
            each.segment_id: each
            for each in read_responses(path)
            if each.segment_id not in done or each.segment_id in answered
        }
        raw = RawResponses(path)
        try:
            self._let_go(work.cache, closed, parts, done)
            for part in waiting:
                self._view.status(f"describing part {part.part_id} of {count(len(parts), 'part')}")
                response = on_disk.get(part.part_id)
                if response is None:
                    response = self._ask(work, part, parts, closed)
                    if response.raw:
                        raw.append(response)
                outcome = self._outcome(part, response, closed)
                self._view.event(log.append(replace(outcome, annotation_name=self._target.recorded_name)))
                done[part.part_id] = outcome
                self._let_go(work.cache, segments_of(part, closed), parts, done)
        finally:
            raw.close()
            self._record_facts(work, {})

    def _ask(
        self, work: LoadedWork, part: ClipPart, parts: Sequence[ClipPart], closed: Sequence[SegmentClosed]
    ) -> AnnotationResponse:
        """The response for a part.

        Raises:
            ModelUnavailableError: the annotator can answer no request.
        """
        try:
            frames = self._frames(work, part, segments_of(part, closed))
        except FramesMissingError as error:
            return AnnotationFailure(part.part_id, "", str(error))
        request = request_for(part, parts, closed, frames)
        client = AnnotatorClient(work.annotator, self._layout.keyframes, hint=False)
        for response in client.answers([request]):
            if isinstance(response, AnnotatorUnavailable):
                raise ModelUnavailableError(response.reason)
            if (response.segment_id, response.frames_digest) == (request.segment_id, request.frames_digest):
                return response
        return AnnotationFailure(part.part_id, request.frames_digest, NO_RESPONSE)

    def _frames(self, work: LoadedWork, part: ClipPart, segments: Sequence[SegmentClosed]) -> tuple[RequestFrame, ...]:
        """The frames of a part, each checked with its segment's digest.

        Raises:
            FramesMissingError: some are gone, there is none, or they are of several sizes.
        """
        frames: list[RequestFrame] = []
        start_ms = in_ms(part.t_start_s)
        for segment in segments:
            work.keyframes.provide(segment)
            for frame in read_frames(segment, self._layout.keyframes):
                at_ms = in_ms(segment.t_start_s) + round(frame.t_s * 1000)
                if start_ms <= at_ms < in_ms(part.t_end_s):
                    frames.append(RequestFrame((at_ms - start_ms) / 1000, frame.jpeg))
            work.cache.release(segment.t_start_s, segment.t_end_s)  # a small cache need not hold those of all segments
        if not frames:
            raise FramesMissingError("it has no keyframe")
        sizes = {(each.keyframe_width_px, each.keyframe_height_px) for each in segments if each.keyframes}
        if len(sizes) > 1 or (0, 0) in sizes:
            raise FramesMissingError("its keyframes are of several sizes")
        return tuple(frames)

    def _let_go(
        self,
        cache: KeyframeCache,
        segments: Iterable[SegmentClosed],
        parts: Sequence[ClipPart],
        done: Mapping[str, PartOutcome],
    ) -> None:
        """Drop the keyframes that no part needs any more, unless all are kept. Those of failed parts stay if they can.

        A call that was killed may have left some of parts that are described.
        """
        drop = cache.release if self._options.keyframes.keep else cache.drop
        for segment in segments:
            outcomes = [done.get(part.part_id) for part in parts if segments_of(part, [segment])]
            if None not in outcomes:
                is_described = all(isinstance(each, PartAnnotated) for each in outcomes)
                (drop if is_described else cache.release)(segment.t_start_s, segment.t_end_s)

    def _outcome(self, part: ClipPart, response: AnnotationResponse, closed: Sequence[SegmentClosed]) -> PartOutcome:
        cost = cost_of(response, self._options)
        if isinstance(response, AnnotationFailure):
            return part_failed(part, self._annotator, cost, response.reason)
        try:
            described = description_of(part, response, closed)
        except AnswerError as error:
            return part_failed(part, self._annotator, cost, str(error))
        return part_annotated(part, self._annotator, cost, described, response.frames)

    def _settle(self, log: ResumableLog, closed: Sequence[SegmentClosed], parts: Sequence[ClipPart]) -> bool:
        """Write the actions of the clip, then the outcomes of segments that have changed; whether any has."""
        of_parts = self._outcomes_of(parts)
        failed = [
            FailedPart(part, outcome.reason)
            for part in parts
            if isinstance(outcome := of_parts[part.part_id], PartFailed)
        ]
        described = [part for part in parts if _is_described(of_parts[part.part_id])]
        of_described = self._actions_of_parts(described, closed)
        joined = joined_actions([(part, of_described[part.part_id]) for part in described])
        actions = [each for action in joined if (each := in_segments(action, closed)) is not None]
        recorded = {
            event.segment_id: event
            for event in read_events(self._layout.events)
            if isinstance(event, Outcome) and event.annotation_name == self._target.recorded_name
        }
        wanted = (outcome_of(segment, self._annotator, actions, described, failed) for segment in closed)
        named = (replace(outcome, annotation_name=self._target.recorded_name) for outcome in wanted)
        changed = [outcome for outcome in named if recorded.get(outcome.segment_id) != outcome]
        if changed or not self._target.layout.annotations.exists():
            write_annotations(self._target.layout.annotations, numbered(actions))
        for of_segment in changed:
            self._view.event(log.append(of_segment))
        return bool(changed)

    def _actions_of_parts(self, parts: Iterable[ClipPart], closed: Sequence[SegmentClosed]) -> dict[str, list[Action]]:
        """The actions of parts, from their last raw responses.

        A part whose raw response is gone, or was changed so that it answers nothing, is left out.
        """
        last = {each.segment_id: each for each in read_responses(self._target.layout.raw_responses)}
        found: dict[str, list[Action]] = {}
        for part in parts:
            answer = last.get(part.part_id)
            with suppress(AnswerError):
                if isinstance(answer, AnnotationAnswer):
                    found[part.part_id] = actions_in_part(part, answer, closed)
        return found


def _is_described(outcome: PartOutcome | None) -> bool:
    return isinstance(outcome, PartAnnotated)
