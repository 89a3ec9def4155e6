"""Snaps edges of smeared depth: a ramp between two surfaces becomes a step again.

A network, or a picture that was resized, blurs depth across edges, and the ramp would be drawn as a surface that is
not there. Along each row, and then along each column, a steep stretch between two flatter ones is divided in the
middle of its depth, and each half continues the surface at its end.
"""

from typing import Final

import cv2
import numpy as np

from stream.alignment.compiled import compiled
from stream.pipeline.items import Float32

_STEEP: Final = np.float32(0.01)
"""Of inverse depth, relative, a pixel: slopes that an edge may have at its steepest."""
_FLAT: Final = np.float32(0.1)
"""Of the steepest slope: where the ramp ends. A Gaussian blur's is then 98 % complete."""
_STEP_MIN: Final = np.float32(0.05)
"""Of inverse depth, relative: smaller steps move no pixel visibly."""
_DIRECTION: Final = np.float32(0.7)
"""A ramp is snapped along rows if it is at least this steep there, beside its slope across them, and vice versa."""
_LENGTH_MAX: Final = 1 / 26
"""Of the picture's width: ramps that are longer are surfaces."""
_LENGTH_LEAST_PX: Final = 12
"""Of that length, in small pictures."""
_LENGTH_SHORT: Final = 0.35
"""Of that length: shorter ones are ramps whatever their profile, longer ones only if it is bent."""
_BENT: Final = np.float32(0.75)
"""Mean of the slopes of a ramp beside its steepest one, at most: a slanted plane has 1, a blurred step 0.6."""
_OUTSIDE_PX: Final = 4
"""Length over which the slope of a surface is taken beyond the end of its ramp."""
_STRONG: Final = np.float32(0.03)
"""Of inverse depth, relative: steps between neighbours that show how sharp a map is."""
_SHARP: Final = np.float32(4.0)
"""A step is sharp if it is this many times those beside it."""
_PEAKED: Final = np.float32(1.3)
"""Otherwise it is smeared, if it is this many times those further away; a slanted surface has 1."""
_BESIDE_PX: Final = 4
"""How far away those are."""
_EVERY: Final = 8
"""Rows and columns of which one is looked at."""


def is_smeared(w: Float32) -> bool:
    """Whether most of the strong steps of inverse depth (H, W) extend over several pixels.

    A map that is measured or rendered has sharp edges, and its slanted surfaces would pass for ramps.
    """
    counts = [_count_steps(each) for each in (w[::_EVERY], np.ascontiguousarray(w[:, ::_EVERY].T))]
    return sum(smeared for _, smeared in counts) > sum(sharp for sharp, _ in counts)


def snap_edges(w: Float32) -> Float32:
    """Inverse depth (H, W) with steps for ramps; 0, where it is not valid, stays so and ends every ramp."""
    length_max = max(_LENGTH_LEAST_PX, round(w.shape[1] * _LENGTH_MAX))
    by_rows = w.copy()
    _snap_rows(by_rows, w, length_max)
    by_columns = _transposed(by_rows)
    _snap_rows(by_columns, _transposed(w), length_max)
    return _transposed(by_columns)


def _transposed(w: Float32) -> Float32:
    return np.asarray(cv2.transpose(w), np.float32)


@compiled
def _count_steps(w: Float32) -> tuple[int, int]:
    """How many strong steps along the rows are sharp, and how many are not."""
    sharp = smeared = 0
    for row in w:
        for i in range(_BESIDE_PX, len(row) - _BESIDE_PX - 1):
            step = _step(row, i)
            if step <= _STRONG * max(row[i], row[i + 1]):
                continue
            before, after = _step(row, i - 1), _step(row, i + 1)
            if before <= step > after:
                if step > _SHARP * max(before, after):
                    sharp += 1
                elif step > _PEAKED * max(_step(row, i - _BESIDE_PX), _step(row, i + _BESIDE_PX)):
                    smeared += 1
    return sharp, smeared


@compiled
def _step(row: Float32, i: int) -> np.float32:
    """The difference between pixel i and the next one; 0 where one is not valid."""
    return abs(row[i + 1] - row[i]) if min(row[i], row[i + 1]) > 0.0 else np.float32(0.0)


@compiled
def _snap_rows(w: Float32, smeared: Float32, length_max: int) -> None:
    """Snap the ramps that are steep along the rows; ``smeared`` is ``w`` before all."""
    for y in range(len(w)):
        row, above, below = w[y], smeared[max(0, y - 1)], smeared[min(len(w) - 1, y + 1)]
        i = 0
        while i < len(row) - 1:
            if not _is_steep(row, i):
                i += 1
                continue
            peak = i
            while peak + 2 < len(row) and _is_steeper(row, peak):
                peak += 1
            first, end = _end_of_ramp(row, peak, -1, length_max), _end_of_ramp(row, peak, 1, length_max)
            across = max(abs(below[peak] - above[peak]), abs(below[peak + 1] - above[peak + 1])) / np.float32(2.0)
            if abs(row[peak + 1] - row[peak]) >= _DIRECTION * across and _is_ramp(row, peak, first, end, length_max):
                _divide(row, first, end)
            i = max(peak + 1, end)


@compiled
def _is_steep(row: Float32, i: int) -> bool:
    """Whether the slope after pixel i may be an edge's."""
    return bool(min(row[i], row[i + 1]) > 0.0 and abs(row[i + 1] - row[i]) > _STEEP * max(row[i], row[i + 1]))


@compiled
def _is_steeper(row: Float32, i: int) -> bool:
    """Whether the slope goes on, in the same direction, and is steeper one pixel further."""
    slope, following = row[i + 1] - row[i], row[i + 2] - row[i + 1]
    return bool(row[i + 2] > 0.0 and slope * following > 0.0 and abs(following) > abs(slope))


@compiled
def _is_ramp(row: Float32, peak: int, first: int, end: int, length_max: int) -> bool:
    """Whether a stretch is a smeared step: neither sharp, nor a slanted surface, nor without effect."""
    length, rise = end - first, abs(row[end] - row[first])
    is_bent = length <= length_max * _LENGTH_SHORT or rise < _BENT * abs(row[peak + 1] - row[peak]) * length
    return 2 <= length <= length_max and is_bent and rise > _STEP_MIN * max(row[first], row[end])


@compiled
def _end_of_ramp(row: Float32, peak: int, side: int, length_max: int) -> int:
    """The pixel at which the ramp that is steepest between ``peak`` and the next one is flat again."""
    steepest = row[peak + 1] - row[peak]
    i = peak if side < 0 else peak + 1
    for _ in range(length_max + 1):
        j = i + side
        if j < 0 or j >= len(row) or row[j] <= 0.0:
            break
        slope = (row[j] - row[i]) * np.float32(side)
        if slope * steepest <= 0.0 or abs(slope) < _FLAT * abs(steepest):
            break
        i = j
    return i


@compiled
def _divide(row: Float32, first: int, end: int) -> None:
    """Continue the surfaces at both ends of a ramp up to the mean of their depths."""
    before, after = _slope_outside(row, first, -1), _slope_outside(row, end, 1)
    at_first, at_end = row[first], row[end]
    middle = np.float32(2.0) * at_first * at_end / (at_first + at_end)
    for i in range(first + 1, end):
        if (row[i] > middle) == (at_first > middle):
            row[i] = at_first + before * np.float32(i - first)
        else:
            row[i] = at_end + after * np.float32(i - end)


@compiled
def _slope_outside(row: Float32, i: int, side: int) -> np.float32:
    """The slope of the surface beyond the end of a ramp; 0 where it is no surface."""
    near, far = i + side, i + side * _OUTSIDE_PX
    if far < 0 or far >= len(row) or min(row[near], row[far]) <= 0.0:
        return np.float32(0.0)
    slope = (row[far] - row[near]) / np.float32(far - near)
    return slope if abs(slope) < _STEEP * row[i] else np.float32(0.0)
