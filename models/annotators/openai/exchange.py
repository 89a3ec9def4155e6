"""One segment's request in the form that is sent, and what comes of it."""

from dataclasses import dataclass
from typing import Any

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest, AnswerForm
from models.annotators.openai.pictures import SentPictures
from models.annotators.openai.reply import Reply
from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.response.schema import BoxSpace


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request in the form that is sent to the server."""

    request: AnnotationRequest
    pictures: SentPictures
    space: BoxSpace
    form: AnswerForm
    chat: dict[str, Any]

    def is_answer(self, text: str) -> bool:
        """Whether a text holds an answer that meets the schema."""
        try:
            parse_answer(text, self.request, self.space, form=self.form)
        except AnswerError:
            return False
        return True

    def answer(self, reply: Reply, seconds: float) -> AnnotationAnswer:
        times_s = [frame.t_s for frame in self.pictures.frames]
        return AnnotationAnswer(
            segment_id=self.request.segment_id,
            frames_digest=self.request.frames_digest,
            raw=reply.words,
            frames=len(times_s),
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            seconds=seconds,
            box_space=self.space,
            frame_times_s=times_s,
            form=self.form,
            preceding_frames=len(self.pictures.preceding),
        )


def failure(
    request: AnnotationRequest, reason: str, reply: Reply | None = None, seconds: float = 0.0
) -> AnnotationFailure:
    """The outcome of a request without an answer; ``reply`` is what came instead, if anything did."""
    reply = reply or Reply("")
    took = reply.tokens_in, reply.tokens_out, seconds
    return AnnotationFailure(request.segment_id, request.frames_digest, reason, reply.words, *took)
