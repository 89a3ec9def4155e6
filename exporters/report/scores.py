"""The detector's scores over a run's windows, as the browser draws them."""

import base64
from typing import Final

import numpy as np
import numpy.typing as npt

from exporters.report.view import ScoreCurve, ShownSegment
from exporters.run_view import RunView
from stream.detection.detector import Step
from stream.detection.replay import NO_THRESHOLDS, score_windows
from stream.errors import InputError

POINTS_MAX: Final = 40_000
"""Of a curve; of longer ones, every point is the highest of several windows."""


def curve_of(run: RunView, segments: tuple[ShownSegment, ...]) -> tuple[ScoreCurve | None, float | None]:
    """The curve of a run, and the stream time from which it could be judged.

    The detector runs again over the stored windows: the log has only the mean and the maximum of each segment. Where
    the windows are missing or damaged, those means are the curve. Both are None if there are no scores at all.
    """
    try:
        windows = run.windows
    except InputError:
        return _of_segments(segments), None
    steps = score_windows(windows.temporal_blocks, windows.t_s, run.detector)
    judged = next((step.t_start_s for step in steps if step.thresholds is not None), None)
    return _of_steps(steps), judged


def _of_steps(steps: list[Step]) -> ScoreCurve:
    nan = float("nan")
    held = [step.thresholds or NO_THRESHOLDS for step in steps]
    columns = np.array(
        [
            [step.t_start_s for step in steps],
            [nan if step.score is None else step.score for step in steps],
            [nan if step.smoothed is None else step.smoothed for step in steps],
            [each.on for each in held],
            [each.off for each in held],
        ]
    )
    return _encoded(_thinned(columns), "windows")


def _thinned(columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """At most ``POINTS_MAX`` columns: of each group the one with the highest score, so that peaks remain."""
    count = columns.shape[1]
    size = -(-count // POINTS_MAX)
    if size == 1:
        return columns
    starts = range(0, count, size)
    scores = np.nan_to_num(columns[1], nan=-1.0)
    return columns[:, [start + int(np.argmax(scores[start : start + size])) for start in starts]]


def _of_segments(segments: tuple[ShownSegment, ...]) -> ScoreCurve | None:
    scored = [segment for segment in segments if segment.score_mean is not None]
    if not scored:
        return None
    t_s = [t for segment in scored for t in (segment.t_start_s, segment.t_end_s)]
    means = [segment.score_mean for segment in scored for _ in range(2)]
    missing = [float("nan")] * len(t_s)
    return _encoded(np.array([t_s, means, means, missing, missing], np.float64), "segments")


def _encoded(columns: npt.NDArray[np.float64], source: str) -> ScoreCurve:
    texts = [base64.b64encode(column.astype("<f4").tobytes()).decode() for column in columns]
    names = ("t_s", "score", "smoothed", "theta_on", "theta_off")
    return ScoreCurve.model_validate({**dict(zip(names, texts, strict=True)), "source": source})
