"""Calibrations that no camera can have are refused, and those of unusual cameras are not."""

import pytest

from stream.errors import IntrinsicsError, UsageError
from stream.geometry.camera import fit_camera
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.table import intrinsics_from
from stream.geometry.plausibility import require_possible

HD = {"image_width": 1920, "image_height": 1080, "cx": 959.5, "cy": 539.5}
STRAIGHT = {"k1": 0.0, "k2": 0.0, "k3": 0.0, "k4": 0.0}
HEAD_CAMERA = {**HD, "fx": 1030.0, "fy": 1032.0, "k1": -0.1166, "k2": -0.0236, "k3": 0.0694, "k4": -0.0463}


def lens(**values: float) -> Intrinsics:
    return intrinsics_from({"model": "fisheye", **HEAD_CAMERA, **values})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"fx": 540 / 1.92, "fy": 540 / 1.92, **STRAIGHT},
        {"fx": 540 / 2.44, "fy": 540 / 2.44, **STRAIGHT},
        {"fx": 160000.0, "fy": 160000.0, **STRAIGHT},
        {"fx": 2060.0, "fy": 1032.0},
        {"cx": 3.0, "cy": 1070.0},
        {"cx": 1500.0, "cy": 900.0},
        {"image_width": 1080, "image_height": 1920, "cx": 539.5, "cy": 959.5},
        {"image_width": 16, "image_height": 9, "cx": 7.5, "cy": 4.0, "fx": 8.6, "fy": 8.6},
    ],
    ids=["a head camera", "a circle of 220 degrees", "a circle of 280 degrees", "a zoom", "anamorphic",
         "a crop off the axis", "a shifted sensor", "portrait", "tiny"],
)  # fmt: skip
def test_unusual_cameras_are_accepted(values: dict[str, float]) -> None:
    """Fisheyes, zooms, crops and shifted sensors have a rectified picture."""
    intrinsics = lens(**values)
    require_possible(intrinsics)
    fit_camera(intrinsics, intrinsics.image_width, intrinsics.image_height)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fx": 0.5367, "fy": 0.9556, "cx": 0.5, "cy": 0.5}, "'fx' is 0.5367 and 'cx' is 0.5, .* such as fx 1030"),
        ({"fx": 0.5367, "fy": 0.5375, "cx": 0.5, "cy": 0.2812}, "look divided by the size of the picture"),
        ({"cx": 0.5, "cy": 0.5}, "'cx' is 0.5 and 'cy' is 0.5, in the picture's corner: give the principal"),
        ({"fx": 2.92, "fy": 2.93}, "'fx' is 2.92, but cameras with 1920x1080 pixels have .* from 43.2 to 192000 px"),
        ({"fx": 2.92, "fy": 2.93, "cx": 3.1, "cy": 1.8}, "give pixels, not millimetres"),
        ({"fy": 1e6}, r"'fy' is 1e\+06, but cameras"),
        ({"fy": 300.0}, "no pixel is 2.5 times as long as wide"),
        ({"cx": 2700.0}, "'cx' is 2700, outside the 1920 columns of the picture"),
        ({"cy": -3.0}, "'cy' is -3, outside the 1080 rows of the picture"),
        ({"cx": 539.5, "cy": 959.5}, "look exchanged: the middle is at 959.5, 539.5"),
        ({"image_width": 1080, "image_height": 1920}, "in a picture of 1080x1920, which look exchanged"),
        ({"fx": 150.0, "fy": 150.0, **STRAIGHT}, "360 degrees fill only 942 of 1080 pixels, and no lens sees more"),
        ({"k1": -10.0}, "end 10.5 degrees from the axis, so only .* % of the picture has a ray"),
        ({"k1": -3.0, "k2": 1.0}, "% of the picture has a ray: check their order"),
    ],
)  # fmt: skip
def test_what_no_camera_has_is_refused(values: dict[str, float], message: str) -> None:
    """Other units, another picture, exchanged values: one sentence with the value and what would be right."""
    with pytest.raises(IntrinsicsError, match=message):
        require_possible(lens(**values))


def test_a_turned_calibration_is_called_so() -> None:
    """Exchanged width and height are named where the clip's aspect is the inverse, and not for 4:3."""
    turned = lens(image_width=1080, image_height=1920, cx=539.5, cy=959.5)
    with pytest.raises(IntrinsicsError, match="image_width and image_height look exchanged, or the clip is turned"):
        fit_camera(turned, 1920, 1080)
    with pytest.raises(IntrinsicsError, match="has another aspect ratio; give the recording camera's"):
        fit_camera(turned, 640, 480)


@pytest.mark.parametrize(("balance", "fov_scale", "message"), [(0.0, 40.0, "nearly empty"), (1.0, 0.02, "nearly flat")])
def test_options_that_leave_no_picture_are_refused(balance: float, fov_scale: float, message: str) -> None:
    """Where the calibration is good it is the options' fault, whatever the frames show."""
    with pytest.raises(UsageError, match=rf"--balance {balance:g} with --fov-scale {fov_scale:g}: .* {message}"):
        fit_camera(lens(), 1920, 1080, balance, fov_scale)


@pytest.mark.parametrize("options", [(0.0, 1.0), (0.5, 1.2)])
def test_a_calibration_that_leaves_no_picture_is_refused(options: tuple[float, float]) -> None:
    """A lens that ends next to its axis would magnify a few pixels: the calibration's fault, with any options."""
    with pytest.raises(IntrinsicsError, match=r"do not fit a picture of 1920x1080: .* nearly (flat|empty)"):
        fit_camera(lens(k1=-60.0), 1920, 1080, *options)
