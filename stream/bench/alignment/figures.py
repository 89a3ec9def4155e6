"""What a warp is judged by, where everything is known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream.alignment.warp.warp import Warped
from stream.bench.alignment.scenes import ExactPair


@dataclass(frozen=True, slots=True)
class WarpFigures:
    """The figures of one warp, or their means over several."""

    psnr_db: float
    """Over pixels that both cameras see and the warp has."""
    lost_percent: float
    """Of the pixels that both cameras see: those that are holes."""
    false_real_percent: float
    """Of the pixels that only the target sees: those that are claimed to be real."""
    cpu_ms: float
    """CPU time of one frame, in one thread."""


def figures_of(warped: Warped, pair: ExactPair, cpu_ms: float) -> WarpFigures:
    """Compare with the true view; NaN where there are no such pixels."""
    both, hidden = warped.is_real & pair.is_visible, ~pair.is_visible
    error = warped.picture[both].astype(np.float64) - pair.target.picture[both]
    mean = float((error**2).mean()) if both.any() else float("nan")
    return WarpFigures(
        psnr_db=float(10.0 * np.log10(255.0**2 / mean)) if mean else float("inf"),
        lost_percent=_percent(~warped.is_real & pair.is_visible, pair.is_visible),
        false_real_percent=_percent(warped.is_real & hidden, hidden),
        cpu_ms=cpu_ms,
    )


def mean_of(figures: list[WarpFigures]) -> WarpFigures:
    """The mean of each."""
    names = WarpFigures.__slots__
    return WarpFigures(*(float(np.mean([getattr(each, name) for each in figures])) for name in names))


def _percent(part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> float:
    return 100.0 * int(part.sum()) / int(whole.sum()) if whole.any() else float("nan")
