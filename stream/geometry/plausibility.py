"""Whether any camera can have a calibration: the bounds of its values, from the geometry of real lenses.

The bounds are wide: they let through circular fisheyes, the longest zooms, and crops of either. What they refuse is a
calibration in other units (shares of the picture, millimetres), for another picture, or with exchanged values.
"""

import numpy as np

from stream.errors import IntrinsicsError
from stream.geometry.intrinsics import Intrinsics

FOCAL_MIN = 1 / 25
"""Of the shorter side. The widest lens sold sees 280 degrees (Entaniya HAL 280); the projection that needs the shortest
focal length for that is the stereographic one, ``r = 2 f tan(theta / 2)``: half the image circle is 5.5 f. A circle of
half the shorter side then has f = side / 22."""
FOCAL_MAX = 100.0
"""Of the longer side. The longest zoom sold (Nikon Coolpix P1000) equals 3000 mm on 36 mm of film: 83 widths."""
PIXEL_ASPECT_MAX = 2.5
"""Anamorphic lenses stretch twofold; more is no pixel of a video."""
COVERED_MIN = 0.2
"""Share of the picture that the lens reaches. A full image circle covers 0.44 of a 16:9 picture, one of 0.7 of the
height 0.21."""
_OFF_CENTRE, _CENTRED = 0.15, 0.05
"""Of the side: exchanged coordinates are far from the centre, and near it the other way round."""
_GRID = 64


def require_possible(intrinsics: Intrinsics) -> None:
    """Check a calibration against the picture that it was made for.

    Raises:
        IntrinsicsError: no camera has such values; the message names one, and what would be right.
    """
    for problem_with in (_units, _focal_lengths, _principal_point, _exchange, _field_of_view):
        problem = problem_with(intrinsics)
        if problem is not None:
            raise IntrinsicsError(problem)


def _units(lens: Intrinsics) -> str | None:
    width, height = lens.image_width, lens.image_height
    shares = 0.0 <= lens.cx <= 1.0 and 0.0 <= lens.cy <= 1.0
    if not shares or min(width, height) < 4:
        return None
    if max(lens.fx, lens.fy) >= FOCAL_MIN * min(width, height):
        return (
            f"'cx' is {lens.cx:g} and 'cy' is {lens.cy:g}, in the picture's corner: give the principal point in pixels"
        )
    return (
        f"'fx' is {lens.fx:g} and 'cx' is {lens.cx:g}, which look divided by the size of the picture: give pixels, "
        f"such as fx {lens.fx * width:.2f} and cx {lens.cx * width:.2f} for {width} columns"
    )


def _focal_lengths(lens: Intrinsics) -> str | None:
    width, height = lens.image_width, lens.image_height
    low, high = FOCAL_MIN * min(width, height), FOCAL_MAX * max(width, height)
    for name, focal in (("fx", lens.fx), ("fy", lens.fy)):
        if not low <= focal <= high:
            return (
                f"'{name}' is {focal:g}, but cameras with {width}x{height} pixels have focal lengths from {low:.3g} to "
                f"{high:.6g} px: give pixels, not millimetres"
            )
    if not 1 / PIXEL_ASPECT_MAX <= lens.fx / lens.fy <= PIXEL_ASPECT_MAX:
        return (
            f"'fx' is {lens.fx:g} and 'fy' is {lens.fy:g}, but no pixel is {PIXEL_ASPECT_MAX:g} times as long as wide: "
            "give both in pixels"
        )
    return None


def _principal_point(lens: Intrinsics) -> str | None:
    for name, at, side, unit in (
        ("cx", lens.cx, lens.image_width, "columns"),
        ("cy", lens.cy, lens.image_height, "rows"),
    ):
        if not -0.5 <= at <= side - 0.5:
            return (
                f"'{name}' is {at:g}, outside the {side} {unit} of the picture: give pixels, and the size of "
                "the picture that was calibrated"
            )
    return None


def _exchange(lens: Intrinsics) -> str | None:
    width, height = lens.image_width, lens.image_height
    if min(_distances(lens.cx, lens.cy, width, height)) < _OFF_CENTRE:
        return None
    if max(_distances(lens.cy, lens.cx, width, height)) > _CENTRED:
        return None
    return (
        f"'cx' is {lens.cx:g} and 'cy' is {lens.cy:g} in a picture of {width}x{height}, which look exchanged: "
        f"the middle is at {(width - 1) / 2:g}, {(height - 1) / 2:g}"
    )


def _distances(cx: float, cy: float, width: int, height: int) -> tuple[float, float]:
    """From the middle of the picture, as shares of its sides."""
    return abs((cx + 0.5) / width - 0.5), abs((cy + 0.5) / height - 0.5)


def _field_of_view(lens: Intrinsics) -> str | None:
    """The image circle, of all rays up to the fold of the lens model or up to 180 degrees, and the picture."""
    end, radius = lens.theta_max_rad, lens.radius_max
    width, height = lens.image_width, lens.image_height
    focal, centre, side = min((lens.fx, lens.cx, width), (lens.fy, lens.cy, height), key=lambda axis: axis[2])
    if end == np.pi and radius * focal < min(centre + 0.5, side - 0.5 - centre):
        return (
            f"'fx' is {lens.fx:g} and 'fy' is {lens.fy:g}, with which 360 degrees fill only "
            f"{2 * radius * focal:.0f} of {side} pixels, and no lens sees more: give both in pixels of {width}x{height}"
        )
    across = (np.linspace(0, width - 1, _GRID) - lens.cx) / lens.fx
    down = (np.linspace(0, height - 1, _GRID) - lens.cy) / lens.fy
    covered = float((np.hypot(across[None, :], down[:, None]) <= radius).mean())
    if covered < COVERED_MIN:
        values = ", ".join(f"{value:g}" for value in lens.d)
        return (
            f"{lens.COEFFICIENTS[0]} to {lens.COEFFICIENTS[-1]} ({values}) end {np.degrees(end):.1f} degrees from the "
            f"axis, so only {100 * covered:.1f} % of the picture has a ray: check their order, and fx, fy, cx and cy"
        )
    return None
