"""Casts rays at boxes and capsules with a procedural texture: pictures, depth and visibility without an error.

A solid is a row of 21 numbers: kind, centre (3), half extents (3), world-from-solid rotation (9, by rows),
colour (3), size of the pattern and its phase. A box has three half extents; a capsule, whose axis is the solid's x,
half a length and a radius. Distances are metres.
"""

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stream.alignment.compiled import compiled, inlined
from stream.pipeline.items import Float64

Vector: TypeAlias = tuple[float, float, float]

BOX: Final = 0.0
CAPSULE: Final = 1.0
_NEAR: Final = 1e-6
_MISS: Final = -1.0
_WAVELENGTHS: Final = 0.62 ** np.arange(7)
"""Of the pattern's waves, in its size; their amplitudes are in proportion, as in natural pictures (Field 1987)."""
_TURNS: Final = 2.4 * np.arange(7)
_DIRECTIONS: Final = np.stack([np.cos(_TURNS), np.sin(_TURNS), np.cos(1.7 * _TURNS)], axis=1)
_SAMPLES: Final = 3
"""Rays across and down a pixel, for its colour; its depth is that of its centre."""
_BORDER: Final = -1e-6
"""Where the picture begins, pixels: rounding hides nothing of a border that both pictures share."""
_OCCLUDED: Final = 2e-4
"""Share of the distance by which what hides a point is nearer at least."""


@inlined
def _into_solid(x: float, y: float, z: float, solids: Float64, i: int) -> Vector:
    """A direction of the world in the axes of a solid."""
    return (
        solids[i, 7] * x + solids[i, 10] * y + solids[i, 13] * z,
        solids[i, 8] * x + solids[i, 11] * y + solids[i, 14] * z,
        solids[i, 9] * x + solids[i, 12] * y + solids[i, 15] * z,
    )


@inlined
def _slab(start: float, along: float, half: float) -> tuple[float, float]:
    """Where a ray enters and leaves the space between two planes, as multiples of ``along``."""
    step = along if abs(along) > 1e-12 else 1e-12
    one, other = (-half - start) / step, (half - start) / step
    return min(one, other), max(one, other)


@inlined
def _box(start: Vector, along: Vector, half: Vector) -> float:
    """Where a ray enters a box, or leaves it if it starts inside."""
    x, y = _slab(start[0], along[0], half[0]), _slab(start[1], along[1], half[1])
    z = _slab(start[2], along[2], half[2])
    enters, leaves = max(x[0], y[0], z[0]), min(x[1], y[1], z[1])
    if enters > leaves or leaves < _NEAR:
        return _MISS
    return enters if enters > _NEAR else leaves


@inlined
def _sphere(x: float, start: Vector, along: Vector, radius: float) -> float:
    """Where a ray enters a sphere about (x, 0, 0)."""
    a = along[0] ** 2 + along[1] ** 2 + along[2] ** 2
    b = (start[0] - x) * along[0] + start[1] * along[1] + start[2] * along[2]
    c = (start[0] - x) ** 2 + start[1] ** 2 + start[2] ** 2 - radius**2
    root = b * b - a * c
    t = (-b - math.sqrt(root)) / a if root > 0.0 else _MISS
    return t if t > _NEAR else _MISS


@inlined
def _capsule(start: Vector, along: Vector, length: float, radius: float) -> float:
    """Where a ray enters a capsule: its cylinder, or one of the spheres at its ends."""
    a = along[1] ** 2 + along[2] ** 2
    b = along[1] * start[1] + along[2] * start[2]
    root = b * b - a * (start[1] ** 2 + start[2] ** 2 - radius**2)
    if root <= 0.0 or a <= 1e-12:  # beside it, or along its axis, which no scene needs
        return _MISS
    t = (-b - math.sqrt(root)) / a
    if t > _NEAR and abs(start[0] + t * along[0]) <= length:
        return t
    one, other = _sphere(length, start, along, radius), _sphere(-length, start, along, radius)
    return min(one, other) if one > 0.0 and other > 0.0 else max(one, other)


@compiled
def _nearest(start: Vector, along: Vector, solids: Float64) -> tuple[float, int]:
    """The first solid that a ray meets, and where; -1 if it meets none."""
    nearest, index = 1e30, -1
    squared = along[0] ** 2 + along[1] ** 2 + along[2] ** 2
    for i in range(len(solids)):
        x, y, z = start[0] - solids[i, 1], start[1] - solids[i, 2], start[2] - solids[i, 3]
        reach = solids[i, 4] + solids[i, 5] + solids[i, 6]
        passes = x * along[0] + y * along[1] + z * along[2]
        if (x * x + y * y + z * z - reach * reach) * squared > passes * passes:
            continue  # it misses the sphere around the solid
        at = _into_solid(x, y, z, solids, i)
        to = _into_solid(along[0], along[1], along[2], solids, i)
        if solids[i, 0] == BOX:
            t = _box(at, to, (solids[i, 4], solids[i, 5], solids[i, 6]))
        else:
            t = _capsule(at, to, solids[i, 4], solids[i, 5])
        if 0.0 < t < nearest:
            nearest, index = t, i
    return nearest, index


@compiled
def _brightness(point: Vector, solids: Float64, i: int, footprint_m: float) -> float:
    """Of a pattern of plane waves and soft checks, none finer than two pixels, as a lens would show it."""
    x, y, z = _into_solid(point[0] - solids[i, 1], point[1] - solids[i, 2], point[2] - solids[i, 3], solids, i)
    size, phase = solids[i, 19], solids[i, 20]
    total = 0.0
    for wave in range(len(_WAVELENGTHS)):
        wavelength = size * _WAVELENGTHS[wave]
        contrast = min(1.0, wavelength / (2.0 * footprint_m) - 1.0)
        if contrast > 0.0:
            turn = phase + 2.4 * wave
            across = x * _DIRECTIONS[wave, 0] + y * _DIRECTIONS[wave, 1] + z * _DIRECTIONS[wave, 2]
            total += 0.3 * _WAVELENGTHS[wave] * contrast * math.sin(2.0 * math.pi * across / wavelength + turn)
    edge = 2.0 * math.pi * max(1.5 * footprint_m, 0.03 * size) / size
    checks = 1.0
    for along in (x, y, z):
        checks *= max(-1.0, min(1.0, math.sin(2.0 * math.pi * along / (1.7 * size) + phase) / edge))
    return 1.0 + total + 0.18 * checks


@inlined
def _ray(column: float, row: float, k: Float64, rotation: Float64) -> Vector:
    """The world's direction of a pixel, of length 1 along the optical axis."""
    x, y = (column - k[0, 2]) / k[0, 0], (row - k[1, 2]) / k[1, 1]
    return (
        rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2],
        rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2],
        rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2],
    )


@compiled
def cast_picture(
    solids: Float64, k: Float64, rotation: Float64, centre: Float64, picture: Float64, depth_m: Float64
) -> None:
    """Fill ``picture`` (H, W, 3), 0 to 1, and ``depth_m`` (H, W) along the optical axis of a camera in the world."""
    height, width = depth_m.shape
    start = (centre[0], centre[1], centre[2])
    for row in range(height):
        for column in range(width):
            for sample in range(_SAMPLES * _SAMPLES):
                down = (sample // _SAMPLES + 0.5) / _SAMPLES - 0.5
                across = (sample % _SAMPLES + 0.5) / _SAMPLES - 0.5
                along = _ray(column + across, row + down, k, rotation)
                t, index = _nearest(start, along, solids)
                if index >= 0:
                    point = (start[0] + t * along[0], start[1] + t * along[1], start[2] + t * along[2])
                    bright = _brightness(point, solids, index, t / k[0, 0])
                    for channel in range(3):
                        value = solids[index, 16 + channel] * bright
                        picture[row, column, channel] += min(1.0, max(0.0, value)) / (_SAMPLES * _SAMPLES)
            depth_m[row, column] = _nearest(start, _ray(column, row, k, rotation), solids)[0]


@compiled
def cast_back(
    solids: Float64,
    points: Float64,
    k: Float64,
    rotation: Float64,
    centre: Float64,
    size: tuple[int, int],
    is_visible: npt.NDArray[np.bool_],
) -> None:
    """Fill ``is_visible`` (H, W): whether a camera of ``size`` (width, height) sees points of the world (H, W, 3)."""
    height, width = is_visible.shape
    for row in range(height):
        for column in range(width):
            x, y = points[row, column, 0] - centre[0], points[row, column, 1] - centre[1]
            z = points[row, column, 2] - centre[2]
            ahead = rotation[0, 2] * x + rotation[1, 2] * y + rotation[2, 2] * z
            is_visible[row, column] = False
            if ahead > _NEAR:
                u = k[0, 0] * (rotation[0, 0] * x + rotation[1, 0] * y + rotation[2, 0] * z) / ahead + k[0, 2]
                v = k[1, 1] * (rotation[0, 1] * x + rotation[1, 1] * y + rotation[2, 1] * z) / ahead + k[1, 2]
                if _BORDER <= u <= size[0] - 1 - _BORDER and _BORDER <= v <= size[1] - 1 - _BORDER:
                    nearest, _ = _nearest((centre[0], centre[1], centre[2]), (x, y, z), solids)
                    is_visible[row, column] = nearest > 1.0 - _OCCLUDED
