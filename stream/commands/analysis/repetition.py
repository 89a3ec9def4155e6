"""Does the work repeat? The autocorrelation that the detector looks at, and the periods that it found."""

from collections.abc import Iterator
from statistics import median_low

import numpy as np

from exporters.figures.diagnostics import Autocorrelation
from stream.commands.analysis.clip import Clip
from stream.commands.analysis.numbers import Replay
from stream.detection.period import (
    FEWEST_CYCLES,
    autocorrelation,
    effective_dimension,
    peak_limit,
)
from stream.pipeline.items import Float64


def repetition(clip: Clip, played: Replay) -> Autocorrelation | None:
    """The mean autocorrelation of the usual work, over stretches as long as the detector looks back.

    None where they are too short for a lag. What a peak must reach is the detector's rule, as in
    ``stream.detection.period``; the period is the median of those of the segments.
    """
    stretches = list(usual_stretches(clip, played))
    if not stretches:
        return None
    length = len(stretches[0])
    lags = np.arange(length // FEWEST_CYCLES + 1)
    r = np.mean([autocorrelation(stretch, len(lags) - 1) for stretch in stretches], axis=0)
    dims = np.mean([effective_dimension(stretch) for stretch in stretches])
    period_s, share = told_period(clip, played)
    return Autocorrelation(
        lag_s=lags.astype(np.float64) * clip.windows.stride_s,
        value=r,
        limit=peak_limit(r, length, float(dims)),
        period_s=period_s,
        period_share=share,
    )


def usual_stretches(clip: Clip, played: Replay) -> Iterator[Float64]:
    """Sketches of the windows outside anomalies, (n, 128) at a time, n the same for all and at least six."""
    usual = np.ones(len(played.sketches), bool)
    for segment in played.closed:
        if segment.kind == "anomalous":
            usual[(segment.t_start_s <= clip.windows.t_s) & (clip.windows.t_s < segment.t_end_s)] = False
    sketches = played.sketches[usual].astype(np.float64)
    length = min(clip.options.period_windows, len(sketches))
    if length < 2 * FEWEST_CYCLES:
        return
    for start in range(0, len(sketches) - length + 1, length):
        stretch = sketches[start : start + length]
        if np.ptp(stretch, axis=0).any():
            yield stretch


def told_period(clip: Clip, played: Replay) -> tuple[float | None, float]:
    """The median of the usual segments' periods, and the share of their time in which there is one."""
    usual = [segment for segment in (clip.announced or played).closed if segment.kind == "typical"]
    lengths_s = [segment.t_end_s - segment.t_start_s for segment in usual]
    periodic_s = [length_s for segment, length_s in zip(usual, lengths_s, strict=True) if segment.period_s]
    if not periodic_s:
        return None, 0.0
    return median_low(s.period_s for s in usual if s.period_s), sum(periodic_s) / sum(lengths_s)
