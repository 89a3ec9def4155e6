"""The detector's scores over a run's windows, as the browser draws them."""

import base64
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from exporters.report.view import ScoreCurve, ShownSegment
from stream.detection.centroid import unit_vector
from stream.detection.detector import CausalDetector, Step
from stream.detection.options import DetectorOptions
from stream.detection.replay import NO_THRESHOLDS
from stream.errors import InputError
from stream.records.schema.layout import RunLayout
from stream.records.store.warm_start import read_warm_start

_BLOCK_WINDOWS: Final = 64
"""Read at a time: 8 MiB of V-JEPA 2's as float32."""
_COLUMNS: Final = ("t_s", "score", "smoothed", "theta_on", "theta_off")
"""Of a curve."""
POINTS_MAX: Final = 40_000
"""Of a curve; of longer ones, every point is the highest of several windows."""


class ScoreTracker:
    """Runs the causal detector over a run's windows again: the log has only the mean and the maximum of each segment.

    A growing run is followed: windows that were scored before are not read again.
    """

    def __init__(self, layout: RunLayout, options: DetectorOptions) -> None:
        self._layout = layout
        self._detector = CausalDetector(options, read_warm_start(layout, options.warm_start_sha256))
        self._steps: list[Step] = []

    def advance(self) -> None:
        """Score the windows that are new.

        Raises:
            InputError: the arrays are missing or damaged, or are shorter than before.
        """
        path = self._layout.temporal
        try:
            t_s = np.array(np.load(self._layout.timestamps, allow_pickle=False), np.float64)
            count = min(len(t_s), len(np.load(path, mmap_mode="r", allow_pickle=False)))
            if count < len(self._steps):
                raise InputError(f"{path} has fewer windows than before: the run has started over")
            while (first := len(self._steps)) < count:
                rows = np.load(path, mmap_mode="r", allow_pickle=False)  # again for each block: its pages are released
                block = np.asarray(rows[first : min(first + _BLOCK_WINDOWS, count)], np.float32)
                self._push(t_s[first:], block.reshape(len(block), -1))
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"the windows of {self._layout.root} cannot be read: {error}") from error

    def curve(self, segments: Sequence[ShownSegment]) -> ScoreCurve | None:
        """The curve so far; where no window could be read, the means of the segments. None without any score."""
        return _of_steps(self._steps) if self._steps else _of_segments(segments)

    @property
    def judged_from_s(self) -> float | None:
        """Stream time from which windows could be judged; None: not yet."""
        return next((step.t_start_s for step in self._steps if step.thresholds is not None), None)

    @property
    def t_end_s(self) -> float:
        """Start of the last window."""
        return self._steps[-1].t_start_s if self._steps else 0.0

    def _push(self, t_s: npt.NDArray[np.float64], rows: npt.NDArray[np.float32]) -> None:
        for start_s, row in zip(t_s, rows, strict=False):
            self._steps.append(self._detector.push(float(start_s), unit_vector(row)))


def same_points(old: ScoreCurve | None, new: ScoreCurve | None) -> int:
    """How many of the first points of two curves are the same."""
    if old is None or new is None or old.source != new.source:
        return 0
    bits = _columns(old).view("<u4"), _columns(new).view("<u4")
    count = min(each.shape[1] for each in bits)
    changed = (bits[0][:, :count] != bits[1][:, :count]).any(axis=0)
    return int(np.argmax(changed)) if changed.any() else count


def curve_from(curve: ScoreCurve, first: int) -> ScoreCurve:
    """A curve without the points before ``first``."""
    return _encoded(_columns(curve)[:, first:], curve.source)


def _columns(curve: ScoreCurve) -> npt.NDArray[np.float32]:
    return np.array([np.frombuffer(base64.b64decode(getattr(curve, name)), "<f4") for name in _COLUMNS])


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


def _of_segments(segments: Sequence[ShownSegment]) -> ScoreCurve | None:
    scored = [segment for segment in segments if segment.score_mean is not None]
    if not scored:
        return None
    t_s = [t for segment in scored for t in (segment.t_start_s, segment.t_end_s)]
    means = [segment.score_mean for segment in scored for _ in range(2)]
    missing = [float("nan")] * len(t_s)
    return _encoded(np.array([t_s, means, means, missing, missing], np.float64), "segments")


def _encoded(columns: npt.NDArray[np.floating], source: str) -> ScoreCurve:
    texts = [base64.b64encode(column.astype("<f4").tobytes()).decode() for column in columns]
    return ScoreCurve.model_validate({**dict(zip(_COLUMNS, texts, strict=True)), "source": source})
