"""Draws every source pixel as a small planar patch into the target picture, the nearest one in front.

On a plane, inverse depth is affine in the picture, so a pixel with its slopes of inverse depth is a planar patch, and
its image in another pinhole camera is known in closed form: with ``M = K' R K^-1`` and ``b = K' t``, the pixel
``(x, y)`` of inverse depth ``w`` goes to ``M (x, y, 1) + w b`` in homogeneous coordinates (Hartley and Zisserman,
"Multiple View Geometry", section 13.1: the homography of a plane). A slope is the smaller one of the two differences
with the neighbours (minmod), so that a step of depth, which is a slope on one side only, never bends a patch.
"""

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stream.alignment.compiled import compiled
from stream.pipeline.items import Float32

Mask: TypeAlias = npt.NDArray[np.bool_]

HALF_PX: Final = np.float32(0.53)
"""Half the side of a patch: neighbours overlap a little, so that rounding leaves no cracks."""
SHRINK_MAX: Final = np.float32(0.02)
"""A patch whose area shrinks below this is seen along its surface, or from behind."""
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)

_U, _V, _HALF_U, _HALF_V, _X_U, _X_V, _Y_U, _Y_V, _Q, _Q_U, _Q_V, _VALUES = range(12)
"""Of a patch: its centre and its extent in the target, the derivatives of its source pixel in the target's pixels, and
its inverse depth in the target with its derivatives."""


@compiled
def draw_patches(
    padded_w: Float32, m: Float32, b: Float32, stretch_max: np.float32, nearest_q: Float32, source_xy: Float32
) -> None:
    """Draw all patches.

    Args:
        padded_w: (H + 2, W + 2) inverse depth of the source with a border of one pixel; 0 where it is not valid.
        m: (3, 3) ``K' R K^-1``.
        b: (3,) ``K' t``.
        stretch_max: a patch whose area grows more is not drawn, beside what its distance changes.
        nearest_q: (H', W') inverse depth in the target; 0 at first, and where nothing is drawn.
        source_xy: (H', W', 2) where in the source it is seen; written where ``nearest_q`` is.
    """
    height, width = padded_w.shape[0] - 2, padded_w.shape[1] - 2
    patches, is_drawn = np.empty((_VALUES, width), np.float32), np.empty(width, np.bool_)
    for y in range(height):
        _project_row(padded_w, y, m, b, stretch_max, patches, is_drawn)
        _draw_row(patches, is_drawn, y, height, nearest_q, source_xy)


@compiled
def _project_row(
    padded_w: Float32, y: int, m: Float32, b: Float32, stretch_max: np.float32, patches: Float32, is_drawn: Mask
) -> None:
    """The patches of a row of the source, by straight-line code, which becomes vector instructions."""
    above, row, below = padded_w[y], padded_w[y + 1], padded_w[y + 2]
    m00, m10, m20, m01, m11, m21, b0, b1, b2 = m[0, 0], m[1, 0], m[2, 0], m[0, 1], m[1, 1], m[2, 1], b[0], b[1], b[2]
    yf = np.float32(y)
    at0, at1, at2 = m01 * yf + m[0, 2], m11 * yf + m[1, 2], m21 * yf + m[2, 2]
    for x in range(patches.shape[1]):
        w, xf = row[x + 1], np.float32(x)
        left, right, up, down = w - row[x], row[x + 2] - w, w - above[x + 1], below[x + 1] - w
        w_x = left if abs(left) < abs(right) else right
        w_y = up if abs(up) < abs(down) else down
        w_x = w_x if left * right > _ZERO else _ZERO
        w_y = w_y if up * down > _ZERO else _ZERO
        inverse = _ONE / (m20 * xf + at2 + w * b2)
        u, v, q = (m00 * xf + at0 + w * b0) * inverse, (m10 * xf + at1 + w * b1) * inverse, w * inverse
        h_x, h_y = m20 + w_x * b2, m21 + w_y * b2
        u_x, u_y = (m00 + w_x * b0 - u * h_x) * inverse, (m01 + w_y * b0 - u * h_y) * inverse
        v_x, v_y = (m10 + w_x * b1 - v * h_x) * inverse, (m11 + w_y * b1 - v * h_y) * inverse
        area = u_x * v_y - u_y * v_x
        nearer = inverse * inverse
        is_drawn[x] = (w > _ZERO) & (inverse > _ZERO) & (area > SHRINK_MAX * nearer) & (area < stretch_max * nearer)
        per_area = _ONE / area
        x_u, x_v, y_u, y_v = v_y * per_area, -u_y * per_area, -v_x * per_area, u_x * per_area
        q_x, q_y = (w_x - q * h_x) * inverse, (w_y - q * h_y) * inverse
        patches[_U, x], patches[_V, x], patches[_Q, x] = u, v, q
        patches[_HALF_U, x], patches[_HALF_V, x] = HALF_PX * (abs(u_x) + abs(u_y)), HALF_PX * (abs(v_x) + abs(v_y))
        patches[_X_U, x], patches[_X_V, x], patches[_Y_U, x], patches[_Y_V, x] = x_u, x_v, y_u, y_v
        patches[_Q_U, x], patches[_Q_V, x] = q_x * x_u + q_y * y_u, q_x * x_v + q_y * y_v


@compiled
def _draw_row(patches: Float32, is_drawn: Mask, y: int, height: int, nearest_q: Float32, source_xy: Float32) -> None:
    """Draw the patches of a row where they are nearest; nothing beyond the outermost pixels' centres is claimed."""
    width, last_row, last_column = patches.shape[1], nearest_q.shape[0] - 1, nearest_q.shape[1] - 1
    yf, right_end, lower_end = np.float32(y), np.float32(width - 1), np.float32(height - 1)
    for x in range(width):
        if not is_drawn[x]:
            continue
        u, v, half_u, half_v = patches[_U, x], patches[_V, x], patches[_HALF_U, x], patches[_HALF_V, x]
        if not (abs(u) < 1e6 and abs(v) < 1e6):
            continue
        first_row, end_row = max(0, math.ceil(v - half_v)), min(last_row, math.floor(v + half_v)) + 1
        first_column, end_column = max(0, math.ceil(u - half_u)), min(last_column, math.floor(u + half_u)) + 1
        for row in range(first_row, end_row):
            dv = np.float32(row) - v
            for column in range(first_column, end_column):
                du = np.float32(column) - u
                q = patches[_Q, x] + patches[_Q_U, x] * du + patches[_Q_V, x] * dv
                if q > nearest_q[row, column]:
                    dx = patches[_X_U, x] * du + patches[_X_V, x] * dv
                    dy = patches[_Y_U, x] * du + patches[_Y_V, x] * dv
                    at_x, at_y = np.float32(x) + dx, yf + dy
                    if (
                        abs(dx) <= HALF_PX
                        and abs(dy) <= HALF_PX
                        and _ZERO <= at_x <= right_end
                        and _ZERO <= at_y <= lower_end
                    ):
                        nearest_q[row, column] = q
                        source_xy[row, column, 0], source_xy[row, column, 1] = at_x, at_y
