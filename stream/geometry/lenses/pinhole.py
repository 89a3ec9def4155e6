"""A pinhole camera without distortion, such as the one that ``rectify`` writes beside its video."""

from typing import ClassVar, Literal

import numpy as np

from stream.geometry.intrinsics import Intrinsics
from stream.pipeline.items import Float32, Float64


class Pinhole(Intrinsics):
    """A camera that images straight lines as straight lines."""

    NAMES: ClassVar[tuple[str, ...]] = ("pinhole",)
    COEFFICIENTS: ClassVar[tuple[str, ...]] = ()

    model: Literal["pinhole"]

    @property
    def d(self) -> Float64:
        return np.zeros(4)

    @property
    def theta_max_rad(self) -> float:
        return np.pi / 2

    @property
    def radius_max(self) -> float:
        return float("inf")

    def project(self, rays: Float64) -> Float64:
        return rays

    def unproject(self, points: Float64) -> Float64:
        return points

    def locate(self, k: Float64, pinhole: Float64, size: tuple[int, int]) -> tuple[Float32, Float32]:
        affine = k @ np.linalg.inv(pinhole)
        x, y = np.meshgrid(*(np.arange(side) * affine[axis, axis] + affine[axis, 2] for axis, side in enumerate(size)))
        return x.astype(np.float32), y.astype(np.float32)

    def opencv_camera(self, k: Float64, size: tuple[int, int], balance: float) -> Float64:  # noqa: ARG002
        """The camera itself: there is nothing to undistort."""
        return k
