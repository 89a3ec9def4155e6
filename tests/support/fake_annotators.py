"""Annotators that need no model: one that is honest, and ways to lie."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from models.annotators.annotator import AnnotationAnswer, AnnotationRequest, AnnotationResponse, AnnotatorFacts
from models.annotators.response.schema import duration_ds, echo_of

Batch: TypeAlias = Sequence[AnnotationRequest]


def words_for(request: AnnotationRequest) -> str:
    """The answer of an honest model: busy for the first half, idle for the second, in words that name the segment."""
    last_ds = duration_ds(request)
    half_ds = (last_ds + 1) // 2
    ecot = {
        "scene": "a bench",
        "subtask": f"work on {request.segment_id}",
        "motion": "right hand turns",
        "prediction": "rest",
    }
    thing = {"object_name": "screwdriver", "bbox": [1, 2, 30, 20], "rigid": True}
    busy = {"ecot": ecot, "objects": [thing], "active": True, "start_ds": 0, "end_ds": half_ds}
    idle: dict[str, object] = {"ecot": None, "objects": [], "active": False, "start_ds": half_ds, "end_ds": last_ds}
    box_space = [request.width_px, request.height_px]
    return json.dumps({"request": echo_of(request), "box_space": box_space, "actions": [busy, idle]})


def answer_to(request: AnnotationRequest, raw: str | None = None) -> AnnotationAnswer:
    """An answer to that very request, honest unless other words are given."""
    words = words_for(request) if raw is None else raw
    times_s = [frame.t_s for frame in request.frames]
    return AnnotationAnswer(
        request.segment_id,
        request.frames_digest,
        words,
        len(times_s),
        1000,
        100,
        2.0,
        frame_times_s=times_s,
        preceding_frames=len(request.preceding),
    )


class FakeAnnotator:
    """Answers each request as ``says`` has it, and remembers what it was asked."""

    def __init__(
        self, says: Callable[[Batch], Iterable[AnnotationResponse]] | None = None, *, batch_max: int = 4
    ) -> None:
        self.batch_max = batch_max
        self.requests: list[list[AnnotationRequest]] = []
        self._says = says or (lambda batch: [answer_to(request) for request in batch])

    def facts(self) -> AnnotatorFacts:
        return {"model": "fake"}

    def annotate(self, requests: Batch) -> Iterator[AnnotationResponse]:
        self.requests.append(list(requests))
        yield from self._says(requests)
