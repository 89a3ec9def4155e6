"""Which distance is best, if the scores allow to say so."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Final

from stream.alignment.scores.scores import DistanceScore

_FEWEST: Final = 3
"""Pictures from which a spread can be told."""
_ERRORS: Final = 2.0
"""Standard errors that a margin must exceed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The best distance, or none."""

    best_m: float | None
    margin_ssim: float | None
    """Mean difference in SSIM over real pixels to the next distance; None if there is none."""
    standard_error: float | None
    """Of the margin, over the pictures; None for fewer than 3."""
    sentence: str


def verdict(scores: Sequence[DistanceScore]) -> Verdict:
    """Name the distance with the highest SSIM over real pixels, if PSNR and points agree and the margin is clear.

    The margin is clear if it exceeds two standard errors of the paired differences between the best distance and the
    next over the pictures; with fewer than three pictures that cannot be told, and the sentence says so.
    """
    ranked = sorted((each for each in scores if not math.isnan(each.ssim_real)), key=lambda each: -each.ssim_real)
    if len(ranked) < 2:
        return Verdict(None, None, None, "no distance can be called best: SSIM was measured at fewer than two")
    best, following = ranked[:2]
    differences = _differences(best, following)
    margin = mean(differences)
    error = stdev(differences) / math.sqrt(len(differences)) if len(differences) >= _FEWEST else None
    lead = f"SSIM favours {_metres(best)}, {margin:.4f} above {_metres(following)}"
    if margin <= 0.0:
        return Verdict(None, margin, error, f"no distance is best: {_metres(best)} and {_metres(following)} are equal")
    if others := _dissent(scores, best):
        return Verdict(None, margin, error, f"no distance is best: {lead}, but {' and '.join(others)}")
    if error is not None and margin <= _ERRORS * error:
        spread = f"within two standard errors ({error:.4f}) over {len(differences)} pictures"
        return Verdict(None, margin, error, f"no distance is clearly best: {lead}, which is {spread}")
    pictures = f"{len(differences)} picture{'' if len(differences) == 1 else 's'}"
    spread = f"from {pictures}: too few to tell how sure" if error is None else f"± {error:.4f} over {pictures}"
    return Verdict(best.distance_m, margin, error, f"best: {_metres(best)}; {lead}, the next, {spread}")


def _differences(best: DistanceScore, following: DistanceScore) -> list[float]:
    pairs = zip(best.pictures, following.pictures, strict=True)
    differences = (one.ssim_real - two.ssim_real for one, two in pairs)
    return [each for each in differences if not math.isnan(each)] or [0.0]


def _dissent(scores: Sequence[DistanceScore], best: DistanceScore) -> list[str]:
    """What favours another distance."""
    by_psnr = max(scores, key=lambda each: each.psnr_real_db)
    found = [f"PSNR {_metres(by_psnr)}"] if by_psnr.psnr_real_db > best.psnr_real_db else []
    shifted = [each for each in scores if not math.isnan(each.shift_px)]
    if shifted and (by_points := min(shifted, key=lambda each: each.shift_px)) is not best:
        found.append(f"the points {_metres(by_points)}")
    return found


def _metres(score: DistanceScore) -> str:
    return f"{score.distance_m:g} m"
