"""Requests one batch from the annotator: every task gets a response, even if the annotator fails."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from models.annotators.annotator import AnnotationFailure, AnnotationRequest, AnnotationResponse, Annotator
from models.errors import ModelUnavailableError
from stream.annotation.request import FramesMissingError, hint_of, read_frames, read_preceding, request_of
from stream.pipeline.items import AnnotationTask, AnnotatorUnavailable
from stream.records.schema.events import NO_RESPONSE
from stream.ui.notes import print_traceback

_GPU_LOST: Final = "AcceleratorError"
"""An exception of torch, which need not be installed: after it a process can do nothing more on the GPU."""
_RAW_BYTES_MAX: Final = 128 * 1024
"""Twice the parser's limit: anything longer is invalid."""
_REASON_CHARS_MAX: Final = 1000


class AnnotatorClient:
    """An annotator, and the frames that it is shown."""

    def __init__(self, annotator: Annotator, keyframes: Path, *, hint: bool) -> None:
        """``keyframes`` is the keyframe cache's folder; with ``hint`` requests hold the detector's result."""
        self._annotator = annotator
        self._keyframes = keyframes
        self._hint = hint

    def annotate(self, tasks: Sequence[AnnotationTask]) -> Iterator[AnnotationResponse | AnnotatorUnavailable]:
        """All responses as they come, then a failure for each segment without one.

        A response that belongs to no request is passed on: the receiver knows what was requested. If the model can
        answer no request at all, ``AnnotatorUnavailable`` comes before the failures.
        """
        requests: list[AnnotationRequest] = []
        for task in tasks:
            try:
                requests.append(self._request(task))
            except FramesMissingError as error:
                yield AnnotationFailure(task.segment.segment_id, task.segment.frames_digest, str(error))
        if requests:
            yield from self.answers(requests)

    def _request(self, task: AnnotationTask) -> AnnotationRequest:
        segment, from_s = task.segment, task.preceding_from_s
        frames = read_frames(segment, self._keyframes)
        preceding = () if from_s is None else read_preceding(segment, from_s, self._keyframes)
        return request_of(segment, frames, hint_of(segment) if self._hint else None, preceding)

    def answers(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationResponse | AnnotatorUnavailable]:
        unanswered = {(request.segment_id, request.frames_digest): request for request in requests}
        reason, has_crashed = NO_RESPONSE, False
        try:
            for response in self._annotator.annotate(requests):
                unanswered.pop((response.segment_id, response.frames_digest), None)
                yield _bounded(response)
        except ModelUnavailableError as error:
            reason = _utf8(str(error)[:_REASON_CHARS_MAX])
            yield AnnotatorUnavailable(reason)
        except Exception as error:
            if is_fatal(error):
                raise
            print_traceback(error)
            reason, has_crashed = f"the annotator failed, {type(error).__name__}: {error}", True
        if has_crashed and len(requests) > 1:  # one request may be the cause: the others must not suffer for it
            for request in unanswered.values():
                yield from self.answers([request])
            return
        for request in unanswered.values():
            yield _bounded(AnnotationFailure(request.segment_id, request.frames_digest, reason))


def is_fatal(error: Exception) -> bool:
    """Whether the annotator can do nothing more in this process: only another one may succeed."""
    return type(error).__name__ == _GPU_LOST


def _bounded(response: AnnotationResponse) -> AnnotationResponse:
    """The response with text of limited length that can be written as UTF-8: a server may have sent anything."""
    if isinstance(response, AnnotationFailure):
        response = replace(response, reason=_utf8(response.reason[:_REASON_CHARS_MAX]))
    raw = _utf8(response.raw[:_RAW_BYTES_MAX])
    return replace(response, raw=raw.encode()[:_RAW_BYTES_MAX].decode(errors="ignore"))


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
