"""A calibration of a fisheye camera: its values, and how a value that is missing or out of range is described."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.errors import IntrinsicsError

_LARGEST = 1e6
"""Larger than any real value in pixels or lens coefficient; up to it nothing in the model overflows."""
_REPR = reprlib.Repr()
_REPR.maxlevel = 2

Finite = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
FocalLength = Annotated[float, Field(ge=1 / _LARGEST, le=_LARGEST, allow_inf_nan=False)]
Side = Annotated[int, Field(gt=0, le=65536)]


class Intrinsics(BaseModel):
    """A Kannala-Brandt calibration: in pixels of the upright picture, with the lens polynomial."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    model: Literal["fisheye"]
    image_width: Side
    image_height: Side
    fx: FocalLength
    fy: FocalLength
    cx: Finite
    cy: Finite
    k1: Finite
    k2: Finite
    k3: Finite
    k4: Finite


def intrinsics_of(
    width: object, height: object, focal: tuple[float, float], centre: tuple[float, float], k: Sequence[float]
) -> Intrinsics:
    """The intrinsics of these values.

    Args:
        width: width of the picture, pixels; any value that a file may have there is checked.
        height: its height.
        focal: fx and fy, pixels.
        centre: cx and cy, pixels; the centre of the first pixel is (0, 0).
        k: k1, k2, k3, k4.

    Raises:
        IntrinsicsError: a value is out of range.
    """
    names = ("image_width", "image_height", "fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4")
    try:
        return Intrinsics.model_validate({
            "model": "fisheye", **dict(zip(names, (width, height, *focal, *centre, *k), strict=True)),
        })  # fmt: skip
    except ValidationError as error:
        raise IntrinsicsError(problem_of(error, names)) from error


def problem_of(error: ValidationError, keys: tuple[str, ...]) -> str:
    """The first problem that a validation found, as a sentence; ``keys`` are those that a calibration has."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"'{key}' is missing; a fisheye calibration has {', '.join(keys)}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"'{key}' is {_REPR.repr(problem['input'])}, {message}"
