"""A calibration: what all lens models have in common, and how a value that is missing or out of range is described."""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.pipeline.items import Float32, Float64

_LARGEST = 1e6
"""Larger than any real value in pixels or lens coefficient; up to it nothing in the model overflows."""
_SIDE_POINTS = 33
_REPR = reprlib.Repr()
_REPR.maxlevel = 2

Finite = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
FocalLength = Annotated[float, Field(ge=1 / _LARGEST, le=_LARGEST, allow_inf_nan=False)]
Side = Annotated[int, Field(gt=0, le=65536)]


class Intrinsics(BaseModel, ABC):
    """A calibration, in pixels of the upright picture. Each lens model adds its coefficients and its projection.

    A ray is a point (x, y) at distance 1 from the camera. Its image is a point in focal lengths from the principal
    point. The model is invertible up to ``theta_max_rad``.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    NAMES: ClassVar[tuple[str, ...]]
    """Names of the lens model in files; the first is recorded."""
    COEFFICIENTS: ClassVar[tuple[str, ...]]
    """Names of the lens coefficients, in OpenCV's order."""

    model: str
    image_width: Side
    image_height: Side
    fx: FocalLength
    fy: FocalLength
    cx: Finite
    cy: Finite

    @property
    @abstractmethod
    def d(self) -> Float64:
        """(n,) lens coefficients, as OpenCV's functions take them."""

    @property
    @abstractmethod
    def theta_max_rad(self) -> float:
        """The angle from the axis up to which the model is invertible, radians."""

    @property
    @abstractmethod
    def radius_max(self) -> float:
        """Where a ray at that angle meets the picture, in focal lengths from the principal point; may be infinite."""

    @abstractmethod
    def project(self, rays: Float64) -> Float64:
        """(N, 2) images of (N, 2) rays, which are within ``theta_max_rad``."""

    @abstractmethod
    def unproject(self, points: Float64) -> Float64:
        """(N, 2) rays of (N, 2) points of the picture; farther out than the model reaches, the outermost ray."""

    @abstractmethod
    def locate(self, k: Float64, pinhole: Float64, size: tuple[int, int]) -> tuple[Float32, Float32]:
        """(height, width) x and y, in this lens's picture, of the pixels of a pinhole picture.

        Args:
            k: (3, 3) camera matrix of this lens's picture, pixels.
            pinhole: (3, 3) camera matrix of the pinhole picture.
            size: its width and height, pixels.
        """

    def side_rays(self, k: Float64, size: tuple[int, int]) -> Float64:
        """(4, n, 2) rays of points on the picture's top, right, bottom and left side, from which a view is chosen.

        Args:
            k: (3, 3) camera matrix of the picture, pixels.
            size: its width and height, pixels.
        """
        width, height = size
        shares, zeros, ones = np.linspace(0.0, 1.0, _SIDE_POINTS), np.zeros(_SIDE_POINTS), np.ones(_SIDE_POINTS)
        along, down = width * shares, height * shares
        sides = [(along, zeros), (width * ones, down), (along, height * ones), (zeros, down)]
        points = np.concatenate([np.stack(side, axis=-1) for side in sides])
        return self.unproject((points - k[:2, 2]) / np.diag(k)[:2]).reshape(4, -1, 2)

    @abstractmethod
    def opencv_camera(self, k: Float64, size: tuple[int, int], balance: float) -> Float64:
        """(3, 3) camera matrix of the pinhole picture that OpenCV estimates, whatever it is worth."""


def problem_of(error: ValidationError, model: str, keys: tuple[str, ...]) -> str:
    """The first problem that a validation found, as a sentence; ``keys`` are those that a calibration has."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"'{key}' is missing; a {model} calibration has {', '.join(keys)}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"'{key}' is {_REPR.repr(problem['input'])}, {message}"
