"""Push-pull: holes take the colours around them, those of the background before those of the foreground.

The pull phase averages known pixels into a pyramid, the push phase completes each level by the next coarser one
(Gortler et al., The Lumigraph, SIGGRAPH 1996, section 3.6.2). Here a known pixel weighs as much as it is far: what a
warp uncovers is background, and a plain average smears the object in front of it into the hole. The pyramid begins at
half the picture's size, which costs a quarter, and holes have no finer detail anyway.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from stream.pipeline.items import Float32, UInt8

_TINY: Final = float(np.finfo(np.float32).tiny)


def fill_by_push_pull(picture: UInt8, is_hole: npt.NDArray[np.bool_], inverse_z: Float32 | None = None) -> UInt8:
    """A copy of the picture with its holes filled, black if it is nothing but holes; other pixels are unchanged.

    Args:
        picture: (H, W, 3).
        is_hole: (H, W).
        inverse_z: (H, W) one over the depth of known pixels, in any unit; None weighs them all alike.
    """
    levels = [_known(picture, is_hole, inverse_z)]
    while max(levels[-1][1].shape) > 1:
        levels.append(_coarser(*levels[-1]))
    complete, _ = levels.pop()
    while levels:
        complete = _completed(*levels.pop(), complete)
    *colors, weight = cv2.split(complete)
    divisor = np.maximum(weight, _TINY)
    painted = cv2.convertScaleAbs(cv2.merge([cv2.divide(color, divisor) for color in colors]))
    painted = cv2.resize(painted, is_hole.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(painted, _bytes(is_hole), picture.copy()), np.uint8)


def _known(picture: UInt8, is_hole: npt.NDArray[np.bool_], inverse_z: Float32 | None) -> tuple[Float32, Float32]:
    """The finest level and its coverage.

    Returns:
        (H/2, W/2, 4): three colours times weight, and the weight; (H/2, W/2): the share of a pixel that is known.
    """
    is_known, size = _bytes(~is_hole), _half(picture)
    shown = cv2.resize(is_known * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    coverage = np.asarray(shown.astype(np.float32) / 255, np.float32)
    colors = cv2.resize(cv2.copyTo(picture, is_known), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    channels = [*cv2.split(colors), coverage]
    if inverse_z is not None:
        near = cv2.resize(cv2.copyTo(inverse_z, is_known), size, interpolation=cv2.INTER_AREA)
        weight = cv2.divide(coverage, np.maximum(near, _TINY))
        channels = [cv2.multiply(channel, weight) for channel in channels]
    return np.asarray(cv2.merge(channels), np.float32), coverage


def _coarser(level: Float32, coverage: Float32) -> tuple[Float32, Float32]:
    """The next level and its coverage."""
    size = _half(level)
    return _resized(level, size, cv2.INTER_AREA), _resized(coverage, size, cv2.INTER_AREA)


def _completed(level: Float32, coverage: Float32, coarser: Float32) -> Float32:
    """The level, and of the coarser one as much as is not covered."""
    above = _resized(coarser, coverage.shape[::-1], cv2.INTER_LINEAR)
    missing = 1 - coverage
    return np.asarray(cv2.add(level, cv2.multiply(above, cv2.merge([missing] * 4))), np.float32)


def _half(picture: npt.NDArray[np.generic]) -> tuple[int, int]:
    """Width and height of the next level."""
    height, width = picture.shape[:2]
    return (width + 1) // 2, (height + 1) // 2


def _resized(level: Float32, size: tuple[int, ...], interpolation: int) -> Float32:
    return np.asarray(cv2.resize(level, (size[0], size[1]), interpolation=interpolation), np.float32)


def _bytes(mask: npt.NDArray[np.bool_]) -> UInt8:
    return np.ascontiguousarray(mask).view(np.uint8)
