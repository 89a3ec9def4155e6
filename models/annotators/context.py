"""How long a clip may be that a model is shown in one request, by the tokens of its context."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from models.annotators.annotator import AnnotationRequest, AnswerForm
from models.annotators.response.schema import ACTIONS_MAX, BoxSpace, answer_schema, longest_json_bytes

CONTEXT_TOKENS: Final = 65_536
"""Of a model on this machine, if it has as many: at 56 KiB a token (``models.annotators.qwen.memory``) its cache takes
3.5 GiB, which fits beside a 7B model on a card of 24 GB."""
SERVER_CONTEXT_TOKENS: Final = 32_768
"""Of a server, which does not say how it was started."""
FRAMES_MAX: Final = 768
"""Most frames of a request: the limit of Qwen2.5-VL's training (arXiv:2502.13923)."""
CLIP_ACTIONS_MAX: Final = 36
"""Most actions in one answer: with the longest words they take some 58 kB, and an answer may have 64 KiB."""
_SECONDS_PER_ACTION: Final = 5.0
"""Shortest mean length of an action for which an answer has room."""
_LARGEST: Final[BoxSpace] = (10_000, 10_000)
"""A grid of boxes whose numbers are as long as any."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a model, and what a request costs in it, all in tokens."""

    tokens: int
    frame_tokens: int = 256 + 16
    """Of one frame of the largest size, with its time."""
    words_tokens: int = 1024
    """Of the prompt."""

    def frames_max(self, fps: float = 1.0) -> int:
        """The number of frames at ``fps`` that fit together with the longest answer for their time; 0: none do."""

        def needed(frames: int) -> int:
            return self.words_tokens + frames * self.frame_tokens + longest_answer_tokens(frames / fps)

        return bisect_right(range(1, FRAMES_MAX + 1), self.tokens, key=needed)


def actions_max_for(duration_s: float) -> int:
    """Most actions in the answer for a stretch of a clip."""
    return min(CLIP_ACTIONS_MAX, max(ACTIONS_MAX, round(duration_s / _SECONDS_PER_ACTION)))


def longest_answer_tokens(duration_s: float, form: AnswerForm = "annotate-v3") -> int:
    """Tokens of the longest answer for a stretch of a clip, and the one that ends it: none has less than a byte."""
    request = AnnotationRequest(
        "", "0" * 64, duration_s, frames=(), width_px=1, height_px=1, actions_max=actions_max_for(duration_s)
    )
    return longest_json_bytes(answer_schema(request, _LARGEST, form)) + 1
