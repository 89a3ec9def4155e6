"""Where the pixels of a view lie in a decoder's planes, and how much of those is averaged into one."""

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from stream.geometry.frame_format import FrameFormat
from stream.geometry.viewport import TRIANGLE_PX2, SourceMap
from stream.pipeline.items import Float32, UInt8

if TYPE_CHECKING:
    import torch

P = TypeVar("P", UInt8, "torch.Tensor")

_OF_THREE_PX2 = 0.75
"""The most that a blur of 3 pixels is to stand for: what is left of one more halving, of a picture in its shape."""
_WIDE = 9
"""Pixels of the blur along the side that a squashed picture loses more of."""


class RegionOfInterest(NamedTuple):
    """The part of the planes that a map uses, in pixels of the size at which the remap works."""

    left: int
    right: int
    top: int
    bottom: int

    def cut(self, plane: P, level: int) -> P:
        """Slice this part out of a plane ``level`` halvings above the working size; -1: one doubling below it.

        Rows and columns are the last two dimensions.
        """
        if level < 0:
            return plane[..., self.top // 2 : (self.bottom + 1) // 2, self.left // 2 : (self.right + 1) // 2]
        return plane[..., self.top << level : self.bottom << level, self.left << level : self.right << level]


class BlurKernel(NamedTuple):
    """A Gaussian along one axis."""

    taps: int
    """1 for none."""
    sigma_px: float


class SamplingPlan(NamedTuple):
    """How a view is sampled from the planes of a frame format."""

    halvings: int
    """How often luma is halved before the remap."""
    blur: tuple[BlurKernel, BlurKernel]
    """By how much it is blurred across and down after that."""
    roi: RegionOfInterest
    x: Float32
    """(height, width) float32, pixels of that part; what the source does not show may be anywhere in it."""
    y: Float32


def plan_sampling(frame_format: FrameFormat, source: SourceMap) -> SamplingPlan:
    """Where each pixel of a view lies in the planes."""
    halvings, blur = antialiasing(source.blur_px2)
    width, height = frame_format.width >> halvings, frame_format.height >> halvings
    x, y = (_working(coordinate, halvings) for coordinate in _to_coded(frame_format, source))
    x, y = x.clip(0.0, width - 1), y.clip(0.0, height - 1)
    roi = RegionOfInterest(*_span(x[source.valid], width), *_span(y[source.valid], height))
    return SamplingPlan(halvings, blur, roi, x - np.float32(roi.left), y - np.float32(roi.top))


def is_wide_blur(blur: tuple[BlurKernel, BlurKernel]) -> bool:
    """Whether a blur is so wide that chroma needs it, too."""
    return _WIDE in (axis.taps for axis in blur)


def antialiasing(blur_px2: tuple[float, float]) -> tuple[int, tuple[BlurKernel, BlurKernel]]:
    """How often to halve, and how much to blur after it, so that sampling blurs as much as an antialiased resize.

    Kernels whose variances are equal look nearly alike. After ``n`` halvings, ``k = 2^n``, linear interpolation has the
    variance ``k^2 / 6`` and the average of ``k`` pixels ``(k^2 - 1) / 12``; the rest is left to a blur, of 3 pixels
    where the picture keeps its shape.

    Args:
        blur_px2: Variance to reach across and down, source pixels squared.

    Returns:
        The number of halvings, and the blur across and down the halved picture.
    """
    halvings = 0
    while _sampling_px2(halvings + 1) <= min(blur_px2):
        halvings += 1
    across, down = ((wanted - _sampling_px2(halvings)) / (1 << 2 * halvings) for wanted in blur_px2)
    return halvings, (_blur(across), _blur(down))


def _blur(variance_px2: float) -> BlurKernel:
    """The blur of that variance, of 3 pixels if a wider one is not called for."""
    if variance_px2 < 0.01:
        return BlurKernel(1, 0.0)
    if variance_px2 > _OF_THREE_PX2:
        return BlurKernel(_WIDE, float(np.sqrt(variance_px2)))
    # Of the weights (a, 1 - 2a, a) the variance is 2a, and a / (1 - 2a) = exp(-1 / (2 sigma^2)); flat at a = 1/3.
    side = min(variance_px2 / 2.0, 0.32)
    return BlurKernel(3, float(np.sqrt(-0.5 / np.log(side / (1.0 - 2.0 * side)))))


def _sampling_px2(halvings: int) -> float:
    shrink = 1 << 2 * halvings
    return TRIANGLE_PX2 * shrink + (shrink - 1) / 12


def _to_coded(frame_format: FrameFormat, source: SourceMap) -> tuple[Float32, Float32]:
    """From the upright picture to the coded one: the inverse of the counterclockwise quarter turns."""
    x, y = source.x, source.y
    last_x, last_y = frame_format.width - 1, frame_format.height - 1
    match frame_format.quarter_turns:
        case 1:
            return last_x - y, x
        case 2:
            return last_x - x, last_y - y
        case 3:
            return y, last_y - x
        case _:
            return x, y


def _working(coordinate: Float32, halvings: int) -> Float32:
    """The same place in a picture that has been halved so often."""
    return (coordinate + np.float32(0.5)) / np.float32(1 << halvings) - np.float32(0.5)


def _span(used: Float32, size: int) -> tuple[int, int]:
    """First and one past the last pixel that interpolation may touch, beginning at an even one: chroma's grid."""
    return max(0, int(used.min()) - 2) // 2 * 2, min(size, int(used.max()) + 4)
