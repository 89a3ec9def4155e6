"""One batch put to the annotator: something comes back for every segment, whatever the annotator does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from models.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest, Annotator
from models.errors import ModelUnavailableError
from stream.annotation.order import FramesGoneError, frames_of, hint_of, request_without_frames
from stream.errors import ModelMissingError
from stream.items import AnnotationOrder

Said: TypeAlias = AnnotationAnswer | AnnotationFailure

NO_ANSWER: Final = "the annotator gave no answer"
_RAW_BYTES_MAX: Final = 128 * 1024
"""Twice what the parser takes: whatever is longer is no answer."""


class Asking:
    """An annotator, and what it is shown."""

    def __init__(self, annotator: Annotator, keyframes: Path, *, hint: bool) -> None:
        self._annotator = annotator
        self._keyframes = keyframes
        self._hint = hint

    def ask(self, orders: Sequence[AnnotationOrder]) -> Iterator[Said]:
        """All that the annotator says, as it says it; then a failure for each segment that it has not spoken of.

        Nothing is held back here that answers another question: who receives it knows what was asked.

        Raises:
            ModelMissingError: the model can answer none at all.
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

    def _asked(self, requests: list[AnnotationRequest]) -> Iterator[Said]:
        silent = {(request.segment_id, request.frames_digest) for request in requests}
        try:
            for said in self._annotator.annotate(requests):
                silent.discard((said.segment_id, said.frames_digest))
                yield _fit_to_send(said)
        except ModelUnavailableError as error:
            raise ModelMissingError(str(error)) from error
        for request in requests:
            if (request.segment_id, request.frames_digest) in silent:
                yield AnnotationFailure(request.segment_id, request.frames_digest, NO_ANSWER)


def _fit_to_send(said: Said) -> Said:
    """Words that can be written as UTF-8 and are not endless: a server may have sent anything."""
    if isinstance(said, AnnotationFailure):
        said = replace(said, reason=_utf8(said.reason[:1000]))
    raw = _utf8(said.raw[:_RAW_BYTES_MAX])
    return replace(said, raw=raw.encode()[:_RAW_BYTES_MAX].decode(errors="ignore"))


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
