"""Closes cracks of a pixel's width between patches of one surface."""

from typing import Final

import numpy as np

from stream.alignment.compiled import compiled
from stream.pipeline.items import Float32

_DEPTH_TOLERANCE: Final = np.float32(0.03)
"""Of inverse depth, relative: two patches of one surface differ by less."""
_SOURCE_DISTANCE_MAX_PX: Final = np.float32(5.0)
"""Between the source pixels on both sides of a crack, the sum across and down."""
_OPPOSITE: Final = ((0, 1), (1, 0))
_HALF: Final = np.float32(0.5)


@compiled
def close_cracks(nearest_q: Float32, source_xy: Float32, w: Float32) -> None:
    """Give a hole between two opposite neighbours of one surface the mean of both; in place.

    What lies between in the source, by its inverse depth ``w`` (H, W), must be valid: other holes stay. A crack that is
    closed is written with a negative inverse depth until all are found, so that none grows from another one.
    """
    height, width = nearest_q.shape
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            if nearest_q[row, column] == 0.0:
                for down, across in _OPPOSITE:
                    one, other = nearest_q[row - down, column - across], nearest_q[row + down, column + across]
                    mean = _HALF * (one + other)
                    if (
                        min(one, other) > 0.0
                        and abs(one - other) < _DEPTH_TOLERANCE * mean
                        and mean > -nearest_q[row, column]
                    ):
                        x0, y0 = source_xy[row - down, column - across, 0], source_xy[row - down, column - across, 1]
                        x1, y1 = source_xy[row + down, column + across, 0], source_xy[row + down, column + across, 1]
                        x, y = _HALF * (x0 + x1), _HALF * (y0 + y1)
                        is_near = abs(x0 - x1) + abs(y0 - y1) < _SOURCE_DISTANCE_MAX_PX
                        if is_near and w[round(y), round(x)] > 0.0:
                            nearest_q[row, column] = -mean
                            source_xy[row, column, 0], source_xy[row, column, 1] = x, y
    for row in range(height):
        for column in range(width):
            nearest_q[row, column] = abs(nearest_q[row, column])
