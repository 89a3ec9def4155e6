"""Scores of the distances that were tried, against pictures of the real robot camera."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream.alignment.fill.frames import Origin
from stream.alignment.items import AlignedFrame
from stream.alignment.scores.points import Points, shift_px
from stream.alignment.scores.similarity import mean_squared_error, mean_ssim, psnr_db
from stream.errors import InputError
from stream.pipeline.items import UInt8


@dataclass(frozen=True, slots=True)
class PictureScore:
    """One aligned frame against one real picture; NaN for what cannot be measured."""

    picture: str
    mse_real: float
    """Over the pixels that are real at every distance."""
    ssim_real: float
    mse_all: float
    ssim_all: float
    hole_share: float
    """Pixels that the warp left open, 0 to 1."""
    borrowed_share: float
    shifts_px: Mapping[str, float]
    """By the names of the points; NaN for those that are in a hole or out of view."""


@dataclass(frozen=True, slots=True)
class DistanceScore:
    """All pictures at one distance."""

    distance_m: float
    pictures: Sequence[PictureScore]

    @property
    def psnr_real_db(self) -> float:
        """Of the mean squared error over all pictures."""
        return psnr_db(_mean([each.mse_real for each in self.pictures]))

    @property
    def psnr_all_db(self) -> float:
        """As above, over all pixels, also those that were filled."""
        return psnr_db(_mean([each.mse_all for each in self.pictures]))

    @property
    def ssim_real(self) -> float:
        """Mean over the pictures."""
        return _mean([each.ssim_real for each in self.pictures])

    @property
    def ssim_all(self) -> float:
        """As above, over all pixels."""
        return _mean([each.ssim_all for each in self.pictures])

    @property
    def shift_px(self) -> float:
        """Mean over the points that are predicted; NaN if there is none."""
        return _mean([shift for each in self.pictures for shift in each.shifts_px.values()])

    @property
    def hole_share(self) -> float:
        """Mean over the pictures."""
        return _mean([each.hole_share for each in self.pictures])

    @property
    def borrowed_share(self) -> float:
        """Mean over the pictures."""
        return _mean([each.borrowed_share for each in self.pictures])


def score_frames(
    name: str, real: UInt8, frames: Mapping[float, AlignedFrame], points: Points
) -> Mapping[float, PictureScore]:
    """Score one real picture against the aligned frame at each distance.

    "Real" pixels are those that are real at every distance: otherwise each distance would be judged on pixels of its
    own, and one that loses the difficult ones would win.

    Args:
        name: Of the real picture.
        real: (H, W, 3) BGR, of the target camera's size.
        frames: By distance.
        points: Of this picture.

    Raises:
        InputError: no pixel is real at every distance.
    """
    is_common = np.logical_and.reduce([frame.origin == Origin.REAL for frame in frames.values()])
    if not is_common.any():
        raise InputError(f"no pixel of {name} is real at all of the distances: give some that are nearer to each other")
    return {distance: _score(name, real, frame, is_common, points) for distance, frame in frames.items()}


def _score(
    name: str, real: UInt8, frame: AlignedFrame, is_common: npt.NDArray[np.bool_], points: Points
) -> PictureScore:
    everywhere = np.ones_like(is_common)
    warped = frame.before.warped
    return PictureScore(
        picture=name,
        mse_real=mean_squared_error(real, frame.picture, is_common),
        ssim_real=mean_ssim(real, frame.picture, is_common),
        mse_all=mean_squared_error(real, frame.picture, everywhere),
        ssim_all=mean_ssim(real, frame.picture, everywhere),
        hole_share=float(np.mean(frame.origin != Origin.REAL)),
        borrowed_share=float(np.mean(frame.origin == Origin.BORROWED)),
        shifts_px={} if warped is None else {label: shift_px(point, warped) for label, point in points.items()},
    )


def _mean(values: Sequence[float]) -> float:
    """Of those that were measured; NaN if there are none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
