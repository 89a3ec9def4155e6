"""One batch put to the annotator: something comes back for every segment, whatever the annotator does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest, Annotator
from models.errors import ModelUnavailableError
from stream.annotation.request import FramesGoneError, frames_of, hint_of, request_without_frames
from stream.pipeline.items import AnnotationOrder, AnnotatorAway
from stream.ui.notes import print_traceback

Said: TypeAlias = AnnotationAnswer | AnnotationFailure

NO_ANSWER: Final = "the annotator gave no answer"
_GPU_LOST: Final = "AcceleratorError"
"""Of torch, which need not be installed: after it a process can do nothing on the GPU any more."""
_RAW_BYTES_MAX: Final = 128 * 1024
"""Twice what the parser takes: whatever is longer is no answer."""


class AnnotatorClient:
    """An annotator, and what it is shown."""

    def __init__(self, annotator: Annotator, keyframes: Path, *, hint: bool) -> None:
        self._annotator = annotator
        self._keyframes = keyframes
        self._hint = hint

    def ask(self, orders: Sequence[AnnotationOrder]) -> Iterator[Said | AnnotatorAway]:
        """All that the annotator says, as it says it; then a failure for each segment that it has not spoken of.

        Nothing is held back here that answers another question: who receives it knows what was asked. Where the model
        can answer none at all, that comes before the failures.
        """
        requests: list[AnnotationRequest] = []
        for order in orders:
            try:
                requests.append(self._request(order))
            except FramesGoneError as error:
                yield AnnotationFailure(order.segment_id, order.frames_digest, str(error))
        if requests:
            yield from self._asked(requests)

    def _request(self, order: AnnotationOrder) -> AnnotationRequest:
        frames = frames_of(order, self._keyframes)
        return replace(request_without_frames(order, hint_of(order) if self._hint else None), frames=frames)

    def _asked(self, requests: Sequence[AnnotationRequest]) -> Iterator[Said | AnnotatorAway]:
        silent = {(request.segment_id, request.frames_digest): request for request in requests}
        reason, broke = NO_ANSWER, False
        try:
            for said in self._annotator.annotate(requests):
                silent.pop((said.segment_id, said.frames_digest), None)
                yield _fit_to_send(said)
        except ModelUnavailableError as error:
            reason = _utf8(str(error)[:1000])
            yield AnnotatorAway(reason)
        except Exception as error:
            if type(error).__name__ == _GPU_LOST:
                raise
            print_traceback(error)
            reason, broke = f"the annotator failed, {type(error).__name__}: {error}", True
        if broke and len(requests) > 1:  # one of them may be the cause: the others are not to suffer for it
            for request in silent.values():
                yield from self._asked([request])
            return
        for request in silent.values():
            yield _fit_to_send(AnnotationFailure(request.segment_id, request.frames_digest, reason))


def _fit_to_send(said: Said) -> Said:
    """Words that can be written as UTF-8 and are not endless: a server may have sent anything."""
    if isinstance(said, AnnotationFailure):
        said = replace(said, reason=_utf8(said.reason[:1000]))
    raw = _utf8(said.raw[:_RAW_BYTES_MAX])
    return replace(said, raw=raw.encode()[:_RAW_BYTES_MAX].decode(errors="ignore"))


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
