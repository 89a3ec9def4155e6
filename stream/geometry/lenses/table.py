"""The table of lens models, and the functions that make a calibration of any of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from stream.errors import IntrinsicsError
from stream.geometry.intrinsics import Intrinsics, problem_of
from stream.geometry.lenses.brown_conrady import BrownConrady
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.pinhole import Pinhole

LENSES: Final[Sequence[type[Intrinsics]]] = (KannalaBrandt, Pinhole, BrownConrady)


def intrinsics_from(values: Mapping[str, object]) -> Intrinsics:
    """A calibration from its flat keys, of which ``model`` names the lens model; other keys are ignored.

    Raises:
        IntrinsicsError: the model is unknown, or a value is missing or out of range.
    """
    name = values.get("model", KannalaBrandt.NAMES[0])
    for lens in LENSES:
        if name in lens.NAMES:
            break
    else:
        known = ", ".join(name for lens in LENSES for name in lens.NAMES)
        raise IntrinsicsError(f"'model' is {str(name)[:40]!r}, and only {known} can be read")
    model = lens.NAMES[0]
    try:
        return lens.model_validate({**values, "model": model} if "model" in values else values)
    except ValidationError as error:
        raise IntrinsicsError(problem_of(error, model, tuple(lens.model_fields))) from error


def intrinsics_of(
    lens: type[Intrinsics],
    size: tuple[object, object],
    focal: tuple[float, float],
    centre: tuple[float, float],
    coefficients: Sequence[float],
) -> Intrinsics:
    """The intrinsics of these values.

    Args:
        lens: the lens model.
        size: width and height of the picture, pixels; any values that a file may have there are checked.
        focal: fx and fy, pixels.
        centre: cx and cy, pixels; the centre of the first pixel is (0, 0).
        coefficients: of the lens, in OpenCV's order; those that a model may lack can be left out at the end.

    Raises:
        IntrinsicsError: a value is missing or out of range.
    """
    names = ("image_width", "image_height", "fx", "fy", "cx", "cy")
    values = dict(zip(names, (*size, *focal, *centre), strict=True))
    return intrinsics_from(
        {"model": lens.NAMES[0], **values, **dict(zip(lens.COEFFICIENTS, coefficients, strict=False))}
    )
