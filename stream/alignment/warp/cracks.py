"""Closes cracks of a pixel's width between patches of one surface, where a hole or the background shows through."""

from typing import Final

import numpy as np

from stream.alignment.compiled import compiled, inlined
from stream.pipeline.items import Float32

TOLERANCE: Final = np.float32(0.03)
"""Of inverse depth, relative: two patches of one surface differ by less."""
DISTANCE_MAX_PX: Final = np.float32(5.0)
"""Between the source pixels on both sides of a crack, the sum across and down."""
_HALF: Final = np.float32(0.5)


@compiled
def close_cracks(nearest_q: Float32, source_xy: Float32, w: Float32, closed_q: Float32, closed_xy: Float32) -> None:
    """Give a pixel between two opposite neighbours of one nearer surface the mean of both.

    What lies between in the source must be of the same surface: a hole that it has there, for want of valid depth, or a
    gap, stays.

    Args:
        nearest_q: (H', W') inverse depth in the target, 0 in holes.
        source_xy: (H', W', 2) where in the source it is seen.
        w: (H, W) inverse depth of the source, 0 where it is not valid.
        closed_q: a copy of ``nearest_q``, which is changed.
        closed_xy: a copy of ``source_xy``, which is changed.
    """
    height, width = nearest_q.shape
    for row in range(height):
        for column in range(1, width - 1):
            if _is_farther(nearest_q[row, column], nearest_q[row, column - 1], nearest_q[row, column + 1]):
                _close(nearest_q, source_xy, w, (row, column), (0, 1), closed_q, closed_xy)
    for row in range(1, height - 1):
        for column in range(width):
            if _is_farther(nearest_q[row, column], nearest_q[row - 1, column], nearest_q[row + 1, column]):
                _close(nearest_q, source_xy, w, (row, column), (1, 0), closed_q, closed_xy)


@inlined
def _is_farther(q: np.float32, one: np.float32, other: np.float32) -> bool:
    """Whether two pixels are of one surface, and what is between them lies behind it."""
    mean = _HALF * (one + other)
    return bool(abs(one - other) < TOLERANCE * mean and q < (np.float32(1.0) - TOLERANCE) * min(one, other))


@inlined
def _close(
    nearest_q: Float32,
    source_xy: Float32,
    w: Float32,
    at: tuple[int, int],
    step: tuple[int, int],
    closed_q: Float32,
    closed_xy: Float32,
) -> None:
    """Write the mean of the neighbours, if they come from one place of the source, and nothing nearer is there."""
    (row, column), (down, across) = at, step
    x0, y0 = source_xy[row - down, column - across, 0], source_xy[row - down, column - across, 1]
    x1, y1 = source_xy[row + down, column + across, 0], source_xy[row + down, column + across, 1]
    x, y = _HALF * (x0 + x1), _HALF * (y0 + y1)
    between, ends = w[round(y), round(x)], _HALF * (w[round(y0), round(x0)] + w[round(y1), round(x1)])
    q = _HALF * (nearest_q[row - down, column - across] + nearest_q[row + down, column + across])
    is_one_place = abs(x0 - x1) + abs(y0 - y1) < DISTANCE_MAX_PX
    if is_one_place and abs(between - ends) < TOLERANCE * ends and q > closed_q[row, column]:
        closed_q[row, column] = q
        closed_xy[row, column, 0], closed_xy[row, column, 1] = x, y
