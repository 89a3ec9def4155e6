"""A model that would rather say something else: a Qwen-VL whose logits are heated and shaped by an adversary.

They are what the model would say at a high temperature, and what the adversary wants on top, before the constraint that
holds the model to its schema; all else is the annotator's own ``generate``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import numpy as np

from models.annotators.annotator import AnnotationAnswer
from models.annotators.response.grammar import Constraint, Grammar
from models.annotators.response.schema import Schema, answer_schema
from tests.support.noise_segments import noise_segment
from tests.tools.grammar import Vocabulary, tokens_max, verdict, wish

if TYPE_CHECKING:
    import torch

    from models.annotators.qwen.annotator import QwenAnnotator

TEMPERATURE: Final = 3.0
SECONDS_MAX: Final = 60.0


class Provoked:
    """A logits processor: the constraint, behind a temperature and an adversary."""

    def __init__(self, constraint: Constraint, adversary: str, vocabulary: Vocabulary, chance: torch.Generator) -> None:
        self._constraint = constraint
        self._adversary = adversary
        self._vocabulary = vocabulary
        self._chance = chance

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Logits (B, V) whose greatest is a sample at ``TEMPERATURE``, bent by what the adversary wishes."""
        import torch

        uniform = torch.rand(scores.shape, generator=self._chance).clamp(1e-9, 1 - 1e-7)
        wishes = wish(self._adversary, self._vocabulary, len(scores), self._chance) - (-uniform.log()).log()
        return self._constraint(input_ids, scores / TEMPERATURE + wishes.to(scores.device))


@contextmanager
def provoked(adversary: str, vocabulary: Vocabulary, seed: int) -> Iterator[None]:
    """Within, every annotator's answers are what the adversary can make of them."""
    import torch

    own, chance = Grammar.constraint, torch.Generator().manual_seed(seed)

    def constraint(grammar: Grammar, schemas: Sequence[Schema]) -> Provoked:
        return Provoked(own(grammar, schemas), adversary, vocabulary, chance)

    with patch.object(Grammar, "constraint", constraint):
        yield


def tally_of_model(
    annotator: QwenAnnotator, adversary: str, count: int, vocabulary: Vocabulary, seed: int
) -> Counter[str]:
    """Counts of verdicts over ``count`` answers of the annotator; one that came to its last token counts as cut."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    with provoked(adversary, vocabulary, seed):
        for first in range(0, count, annotator.batch_max):
            numbers = range(first, min(count, first + annotator.batch_max))
            segments = [noise_segment([0.0, rng.uniform(0.5, SECONDS_MAX)], seed=number) for number in numbers]
            requests = {request.segment_id: request for request in segments}
            for outcome in annotator.annotate(segments):
                counts["answers"] += 1
                if not isinstance(outcome, AnnotationAnswer) or outcome.box_space is None:
                    continue
                request, (width, height) = requests[outcome.segment_id], outcome.box_space
                most = tokens_max(answer_schema(request, (width, height)))
                tokens = outcome.tokens_out if outcome.tokens_out < most else None
                verdicts = verdict(outcome.raw, tokens, request, (width, height))
                counts.update(name for name, holds in verdicts.items() if holds)
    return counts
