"""Every variant over every clip, a clip at a time: no more than one clip's embeddings are held."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from rich.console import Console

from stream.errors import InputError
from stream.evaluation.evaluation import EvaluationRow
from stream.evaluation.pairing import make_case
from stream.evaluation.track import Track
from stream.ui.progress import STEPS, progress
from tests.tools.ablation.outcome import VariantOutcome, outcome
from tests.tools.ablation.series import EmbeddingSeries
from tests.tools.ablation.variants import Variant


@dataclass(frozen=True, slots=True)
class Subject:
    """One clip to compare on."""

    where: str
    stem: str
    load: Callable[[], dict[str, EmbeddingSeries]]
    """Its windows, by what the variants call them."""


@dataclass(frozen=True, slots=True)
class VariantResult:
    """What came of one variant."""

    variant: Variant
    by_clip: dict[str, VariantOutcome]
    """By the clip's name; empty where the variant was not run."""

    def rows(self) -> dict[str, EvaluationRow]:
        """Figures of each clip."""
        return {stem: outcome.row() for stem, outcome in self.by_clip.items()}

    def row(self) -> EvaluationRow:
        """Figures of all clips together; none where the variant was not run."""
        return reduce(add, self.by_clip.values()).row() if self.by_clip else {}


def compare(
    pairs: Sequence[tuple[Subject, Track]], variants: Sequence[Variant], console: Console
) -> list[VariantResult]:
    """Run the variants over clips, each with its truth.

    Raises:
        InputError: a clip cannot be read or has too few windows, or its truth does not fit it.
    """
    results = [VariantResult(variant, {}) for variant in variants]
    for subject, truth in pairs:
        series = subject.load()
        for name, windows in series.items():
            _refuse_too_few(f"{subject.where}, {name}", windows)
        duration_s = max(windows.duration_s for windows in series.values())
        true = make_case(subject.stem, Track(subject.where, subject.stem, ()), truth, None, duration_s).clip.true
        with progress(console, f"{subject.stem}: variants", STEPS, len(variants)) as job:
            for number, result in enumerate(results, start=1):
                variant = result.variant
                if not variant.not_run:
                    detection = variant.detect(series[variant.series], variant.options)
                    result.by_clip[subject.stem] = outcome(detection, true, duration_s)
                job.update(number)
    return results


def _refuse_too_few(where: str, windows: EmbeddingSeries) -> None:
    usable = sum(unit is not None for unit in windows.units())
    if usable < 2:
        raise InputError(f"{where}: {usable} of {len(windows.vectors)} windows can be compared, expected at least 2")
