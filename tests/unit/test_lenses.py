"""The lens models: their projections, against OpenCV and against themselves, and the cameras fitted to them."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import IntrinsicsError, UsageError
from stream.geometry.camera import Camera, fit_camera
from stream.geometry.frame_format import frame_format_of
from stream.geometry.full_frame import FullFrameRectifier
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.brown_conrady import BrownConrady
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.pinhole import Pinhole
from stream.geometry.lenses.table import intrinsics_from, intrinsics_of
from stream.geometry.plausibility import require_possible
from stream.pipeline.items import Float64, UInt8
from tests.support.properties import examples

SIZE = 640, 360
BARREL = (-0.31, 0.12, 0.001, -0.0008, -0.02)
PINCUSHION = (0.2, 0.05, -0.001, 0.0005)
RATIONAL = (-0.2, 0.05, 0.0004, -0.0003, 0.01, 0.1, 0.02, 0.005)
FISHEYE = (0.02, -0.01, 0.004, -0.001)
HUNDRED = {
    "model": "fisheye", "image_width": 456, "image_height": 256, "fx": 137.98, "fy": 138.23, "cx": 232.17,
    "cy": 125.37, "k1": 0.3948, "k2": 0.1798, "k3": -0.2753, "k4": 0.0793,
}  # fmt: skip
"""The calibration on the card of Egocentric-100K."""


def lens(model: type[Intrinsics], *coefficients: float, focal: float = 420.0) -> Intrinsics:
    return intrinsics_of(model, SIZE, (focal, focal * 1.01), (325.0, 176.0), coefficients)


ALL = {
    "fisheye": lens(KannalaBrandt, *FISHEYE),
    "pinhole": lens(Pinhole),
    "barrel": lens(BrownConrady, *BARREL),
    "pincushion": lens(BrownConrady, *PINCUSHION),
    "rational": lens(BrownConrady, *RATIONAL),
}
every_lens = pytest.mark.parametrize("intrinsics", ALL.values(), ids=ALL)


def picture_points() -> Float64:
    x, y = np.meshgrid(np.linspace(0, SIZE[0], 17), np.linspace(0, SIZE[1], 11))
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def recorded_share(camera: Camera) -> float:
    """Share of the rectified picture that was recorded."""
    x, y, seen = camera.locate(camera.new_k, camera.width, camera.height)
    inside = (x >= -0.5) & (x <= camera.width - 0.5) & (y >= -0.5) & (y <= camera.height - 0.5)
    return float((seen & inside).mean())


@every_lens
def test_unproject_is_the_inverse_of_project(intrinsics: Intrinsics) -> None:
    """Over the whole picture, corners included, a point's ray meets the picture at that point."""
    points = (picture_points() - [intrinsics.cx, intrinsics.cy]) / [intrinsics.fx, intrinsics.fy]
    tolerance = 1e-8 if intrinsics.model == "fisheye" else 1e-12  # the fisheye is inverted by a table
    np.testing.assert_allclose(intrinsics.project(intrinsics.unproject(points)), points, atol=tolerance)


@every_lens
def test_project_is_opencvs(intrinsics: Intrinsics) -> None:
    """cv2.projectPoints and cv2.fisheye.projectPoints are other code for the same formulas."""
    x, y = np.meshgrid(np.linspace(-0.7, 0.7, 9), np.linspace(-0.4, 0.4, 7))
    rays = np.stack([x.ravel(), y.ravel()], axis=-1)
    project = cv2.fisheye.projectPoints if intrinsics.model == "fisheye" else cv2.projectPoints
    objects = np.column_stack([rays, np.ones(len(rays))])[:, None]
    expected, _ = project(objects, np.zeros(3), np.zeros(3), np.eye(3), intrinsics.d)
    np.testing.assert_allclose(intrinsics.project(rays), expected[:, 0], atol=1e-9)


@pytest.mark.parametrize("name", ["barrel", "pincushion", "rational"])
def test_brown_conrady_maps_are_those_of_cv2_undistort(name: str) -> None:
    """A picture that is remapped with the camera's map equals cv2.undistort's."""
    picture = cv2.GaussianBlur(np.random.default_rng(7).integers(0, 255, (360, 640), np.uint8), (0, 0), 3)
    camera = fit_camera(ALL[name], *SIZE)
    x, y, _ = camera.locate(camera.new_k, *SIZE)
    ours = cv2.remap(picture, x, y, cv2.INTER_LINEAR)
    theirs = cv2.undistort(picture, camera.k, camera.d, None, camera.new_k)
    difference = np.abs(ours.astype(int) - theirs)  # its maps are in fixed point, to a 32nd of a pixel
    assert difference.max() <= 2
    assert difference.mean() < 0.2


def test_a_pinhole_picture_stays_as_it_is() -> None:
    """Nothing is undistorted, scaled or moved, at any balance and by either choice of camera."""
    for balance in (0.0, 1.0):
        for camera in (
            fit_camera(ALL["pinhole"], *SIZE, balance),
            fit_camera(ALL["pinhole"], *SIZE, balance, new_camera="opencv"),
        ):
            np.testing.assert_allclose(camera.new_k, camera.k, rtol=1e-12)
            x, y, seen = camera.locate(camera.new_k, *SIZE)
            assert seen.all()
            np.testing.assert_allclose(x[0], np.arange(640), atol=1e-4)
            np.testing.assert_allclose(y[:, 0], np.arange(360), atol=1e-4)


@pytest.mark.parametrize("name", ["fisheye", "barrel", "pincushion", "rational"])
def test_balance_0_shows_recorded_pixels_alone_and_1_all_of_them(name: str) -> None:
    """A lens may bend sides and corners inwards or outwards: neither leaves a black corner at balance 0."""
    narrow, wide = fit_camera(ALL[name], *SIZE), fit_camera(ALL[name], *SIZE, 1.0)
    assert recorded_share(narrow) == 1.0
    assert recorded_share(wide) < 0.97
    if name == "fisheye":
        return  # its corners are cut, as OpenCV does
    points = (picture_points() - wide.k[:2, 2]) / np.diag(wide.k)[:2]
    shown = wide.lens.unproject(points) * np.diag(wide.new_k)[:2] + wide.new_k[:2, 2]
    assert shown.min() > -1.0
    assert (shown.max(axis=0) < np.array(SIZE) + 1.0).all()


@examples(60)
@given(
    k1=st.floats(-0.5, 0.5), k2=st.floats(-0.3, 0.3), p1=st.floats(-0.02, 0.02), p2=st.floats(-0.02, 0.02),
    k3=st.floats(-0.2, 0.2), k4=st.floats(-0.3, 0.5), k6=st.floats(-0.1, 0.1),
)  # fmt: skip
def test_a_brown_conrady_lens_never_folds_before_its_limit(
    k1: float, k2: float, p1: float, p2: float, k3: float, k4: float, k6: float
) -> None:
    """Along every direction the distance in the picture grows up to theta_max_rad, and rays come back."""
    intrinsics = lens(BrownConrady, k1, k2, p1, p2, k3, k4, 0.0, k6)
    radius = np.linspace(0.0, np.tan(min(intrinsics.theta_max_rad, 1.2)), 400)[1:-1]
    for direction in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        towards = np.array([np.cos(direction), np.sin(direction)])
        found = intrinsics.project(radius[:, None] * towards)
        assert (np.diff(found @ towards) > -1e-9).all()


def test_the_limit_of_a_radial_lens_is_where_its_polynomial_turns() -> None:
    """With k1 alone at r = sqrt(-1 / (3 k1)); a lens that always grows sees 90 degrees; tangential terms lower it."""
    assert lens(BrownConrady, -0.2, 0.0, 0.0, 0.0).theta_max_rad == pytest.approx(np.arctan(np.sqrt(1 / 0.6)))
    assert lens(BrownConrady, 0.1, 0.1, 0.0, 0.0).theta_max_rad == pytest.approx(np.pi / 2)
    assert (
        lens(BrownConrady, -0.2, 0.0, 0.01, 0.0).theta_max_rad < lens(BrownConrady, -0.2, 0.0, 0.0, 0.0).theta_max_rad
    )
    pole = lens(BrownConrady, 0.0, 0.0, 0.0, 0.0, 0.0, -0.25)
    assert pole.theta_max_rad == pytest.approx(np.arctan(2.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fx": 3.1, "fy": 3.1}, "give pixels, not millimetres"),
        ({"cx": 700.0}, "outside the 640 columns"),
        ({"k1": -30.0}, r"k1 to k6 \(-30, 0, 0, 0, 0, 0, 0, 0\) end 6\.0 degrees from the axis"),
        ({"p2": None}, "'p2' is None"),
        ({"k7": 1.0, "p1": "0"}, "'p1' is '0'"),
    ],
)
def test_a_brown_conrady_camera_that_cannot_be_is_refused(values: dict[str, object], message: str) -> None:
    """The checks of plausibility hold for every lens model."""
    plain = {"model": "brown_conrady", "image_width": 640, "image_height": 360, "fx": 420.0, "fy": 420.0}
    centre = {"cx": 319.5, "cy": 179.5, "k1": 0.0, "k2": 0.0, "p1": 0.0, "p2": 0.0}
    with pytest.raises(IntrinsicsError, match=message):
        require_possible(intrinsics_from({**plain, **centre, **values}))


def test_a_missing_coefficient_is_named() -> None:
    """k3 to k6 may be missing, as in the files of most tools; k1, k2, p1 and p2 may not."""
    values = {name: value for name, value in ALL["barrel"].model_dump().items() if name not in ("k3", "k4", "k5", "k6")}
    assert intrinsics_from(values).d.tolist() == [*BARREL[:4], 0.0, 0.0, 0.0, 0.0]
    del values["p1"]
    with pytest.raises(IntrinsicsError, match="'p1' is missing; a brown_conrady calibration has model, image_width"):
        intrinsics_from(values)


def luma(seed: int, width: int, height: int) -> UInt8:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), np.uint8)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_opencvs_camera_gives_opencvs_picture_to_the_pixel(balance: float) -> None:
    """The rectified luma of the 100K card's lens equals cv2.fisheye's undistorted picture, value by value."""
    import av

    camera = fit_camera(intrinsics_from(HUNDRED), 456, 256, balance, new_camera="opencv")
    estimated = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
        camera.k, camera.d, (456, 256), np.eye(3), balance=balance
    )
    assert (camera.new_k == estimated).all()
    assert abs(camera.new_k[0, 2] - fit_camera(intrinsics_from(HUNDRED), 456, 256, balance).new_k[0, 2]) > 2.0
    picture = luma(3, 456, 256)
    planes = np.concatenate([picture, np.full((128, 456), 128, np.uint8)])
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    rectify = FullFrameRectifier(frame_format_of(frame), camera)
    ours = rectify(frame).to_ndarray()[:256]
    theirs = cv2.fisheye.undistortImage(picture, camera.k, camera.d, None, estimated)
    shown = cv2.erode(rectify.mask, np.ones((3, 3)), borderValue=0) == 255  # where no border's black mixes in
    assert shown.mean() > 0.6
    assert np.abs(ours.astype(int) - theirs)[shown].max() <= 1


def test_opencvs_camera_for_brown_conrady_is_its_optimal_one() -> None:
    """The matrix of cv2.getOptimalNewCameraMatrix; a field-of-view scale shrinks it around the picture's middle."""
    for balance in (0.0, 0.4, 1.0):
        camera = fit_camera(ALL["barrel"], *SIZE, balance, new_camera="opencv")
        assert (camera.new_k == cv2.getOptimalNewCameraMatrix(camera.k, camera.d, SIZE, balance)[0]).all()
    fisheye = fit_camera(ALL["fisheye"], *SIZE, 0.3, 1.4, "opencv")
    expected = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
        fisheye.k, fisheye.d, SIZE, np.eye(3), balance=0.3, fov_scale=1.4
    )
    np.testing.assert_allclose(fisheye.new_k, expected, rtol=1e-9)


def test_an_estimate_that_is_no_camera_is_refused() -> None:
    """Where a side is beyond the fold OpenCV's focal length is nearly 0: the sentence names the way out."""
    folding = lens(KannalaBrandt, -0.15, 0.0, 0.0, 0.0, focal=200.0)
    with pytest.raises(UsageError, match="OpenCV finds no pinhole camera for this lens at balance 0, because a side"):
        fit_camera(folding, *SIZE, new_camera="opencv")
