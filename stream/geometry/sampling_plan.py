"""Plans the sampling of a view: positions of its pixels in the decoder's planes, and filters for the planes."""

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from stream.geometry.frame_format import FrameFormat
from stream.geometry.viewport import TRIANGLE_PX2, SourceMap
from stream.pipeline.items import Float32, UInt8

if TYPE_CHECKING:
    import torch

P = TypeVar("P", UInt8, "torch.Tensor")

_OF_THREE_PX2 = 0.75
"""Largest variance for a 3-tap blur: the remainder below one more halving of a picture that keeps its shape."""
_WIDE = 9
"""Taps of the blur along the side that a stretched picture reduces more."""


class RegionOfInterest(NamedTuple):
    """The part of the planes that a map uses, in pixels at the remap's working size."""

    left: int
    right: int
    top: int
    bottom: int

    def cut(self, plane: P, level: int) -> P:
        """Slice this part out of a plane that is ``level`` halvings larger than the working size; -1 is half of it.

        Rows and columns are the last two dimensions.
        """
        if level < 0:
            return plane[..., self.top // 2 : (self.bottom + 1) // 2, self.left // 2 : (self.right + 1) // 2]
        return plane[..., self.top << level : self.bottom << level, self.left << level : self.right << level]


class BlurKernel(NamedTuple):
    """A Gaussian kernel along one axis."""

    taps: int
    """1 for no blur."""
    sigma_px: float


class SamplingPlan(NamedTuple):
    """The plan for sampling a view from the planes of a frame format."""

    halvings: int
    """Number of halvings of luma before the remap."""
    blur: tuple[BlurKernel, BlurKernel]
    """Blur of luma across and down afterwards."""
    roi: RegionOfInterest
    x: Float32
    """(height, width) float32, pixels of that part; arbitrary where the source shows nothing."""
    y: Float32


def plan_sampling(frame_format: FrameFormat, source: SourceMap) -> SamplingPlan:
    """Plan how a view is sampled from the planes."""
    halvings, blur = antialiasing(source.blur_px2)
    width, height = frame_format.width >> halvings, frame_format.height >> halvings
    x, y = (_working(coordinate, halvings) for coordinate in _to_coded(frame_format, source))
    x, y = x.clip(0.0, width - 1), y.clip(0.0, height - 1)
    roi = RegionOfInterest(*_span(x[source.valid], width), *_span(y[source.valid], height))
    return SamplingPlan(halvings, blur, roi, x - np.float32(roi.left), y - np.float32(roi.top))


def is_wide_blur(blur: tuple[BlurKernel, BlurKernel]) -> bool:
    """Whether a blur is wide enough to be needed for chroma as well."""
    return _WIDE in (axis.taps for axis in blur)


def antialiasing(blur_px2: tuple[float, float]) -> tuple[int, tuple[BlurKernel, BlurKernel]]:
    """Number of halvings, and the blur after them, that together filter as much as an antialiased resize.

    Kernels of equal variance look nearly the same. After ``n`` halvings, ``k = 2^n``, linear interpolation has the
    variance ``k^2 / 6`` and the average of ``k`` pixels ``(k^2 - 1) / 12``; the remainder is left to a blur, of 3 taps
    if the picture keeps its shape.

    Args:
        blur_px2: target variance across and down, source pixels squared.

    Returns:
        The number of halvings, and the blur across and down on the halved picture.
    """
    halvings = 0
    while _sampling_px2(halvings + 1) <= min(blur_px2):
        halvings += 1
    across, down = ((wanted - _sampling_px2(halvings)) / (1 << 2 * halvings) for wanted in blur_px2)
    return halvings, (_blur(across), _blur(down))


def _blur(variance_px2: float) -> BlurKernel:
    """A blur of that variance, with 3 taps unless a wider one is needed."""
    if variance_px2 < 0.01:
        return BlurKernel(1, 0.0)
    if variance_px2 > _OF_THREE_PX2:
        return BlurKernel(_WIDE, float(np.sqrt(variance_px2)))
    # The variance of the weights (a, 1 - 2a, a) is 2a, and a / (1 - 2a) = exp(-1 / (2 sigma^2)); flat at a = 1/3.
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
    """The same position in a picture after so many halvings."""
    return (coordinate + np.float32(0.5)) / np.float32(1 << halvings) - np.float32(0.5)


def _span(used: Float32, size: int) -> tuple[int, int]:
    """First and one past the last pixel that interpolation may touch; the first is even, to fit chroma's grid."""
    return max(0, int(used.min()) - 2) // 2 * 2, min(size, int(used.max()) + 4)
