"""All clips of an evaluation judged, pooled, and compared with chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from stream.evaluation.chance import DRAWS, HEADLINE, Chance, compare, control
from stream.evaluation.judgement import Judgement, judge
from stream.evaluation.types import Clip


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What there is to say of the predictions for one or more clips."""

    clips: tuple[Clip, ...]
    judgements: tuple[Judgement, ...]
    """One a clip."""
    pooled: Judgement
    """As if all clips were one: sums first, ratios after."""
    chances: dict[str, Chance | None]
    """The pooled qualities beside chance."""
    seed: int

    @property
    def duration_known(self) -> bool:
        """Whether no clip's length is a guess."""
        return all(clip.duration_known for clip in self.clips)

    @property
    def beats_random(self) -> bool | None:
        """Whether the predictions beat the control in ``HEADLINE``; None where either side has no event."""
        counts, chance = self.pooled.counts, self.chances[HEADLINE]
        return chance.beats if chance and counts.predicted and counts.true else None

    @property
    def verdict(self) -> str:
        """The same in a sentence."""
        chance = self.chances[HEADLINE]
        if chance is None or self.beats_random is None:
            side = "true" if self.pooled.counts.true == 0 else "predicted"
            return f"no verdict against chance: there is no {side} event"
        verb = "beat" if self.beats_random else "do not beat"
        return (
            f"the predictions {verb} chance: their mean IoU is {chance.value:.2f}, and 95 of 100 random detectors "
            f"of the same rate reach {chance.random_p95:.2f} or less (p = {chance.p_value:.3f}, {DRAWS} draws, "
            f"seed {self.seed})"
        )


def evaluate(clips: Sequence[Clip], seed: int) -> Evaluation:
    """Judge the predictions for one or more clips; the seed is the random control's."""
    judgements = tuple(judge(clip.predicted, clip.true, clip.duration_s) for clip in clips)
    pooled = reduce(add, judgements)
    chances = compare(pooled.counts, control(clips, seed))
    return Evaluation(tuple(clips), judgements, pooled, chances, seed)
