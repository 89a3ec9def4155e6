"""The warp by planar patches, on surfaces whose image is known in closed form, and on scenes that are known exactly."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.depth.depth import Depth
from stream.alignment.warp.surfels import SurfelWarp
from stream.alignment.warp.warp import Warped
from stream.bench.alignment.scenes import SCENES, ExactPair, scene, view_pair
from stream.errors import UsageError
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float64
from tests.support.rotations import rotation
from tests.support.warped import camera, depth_of, flat_depth, smooth_picture

pytestmark = pytest.mark.slow  # numba compiles
SOURCE = camera()
PICTURE = smooth_picture(SOURCE)
DOWN = RigidPose.translation(0.0, -0.07, 0.0)
"""Points rise in the picture of a camera that moves down."""


def _plane(normal: Float64, distance_m: float) -> Depth:
    """The depth of the plane ``normal . x = distance_m`` in the source camera."""
    column, row = np.meshgrid(np.arange(SOURCE.width_px), np.arange(SOURCE.height_px))
    rays = np.stack([column, row, np.ones_like(row)], axis=-1) @ np.linalg.inv(SOURCE.k).T
    return depth_of((distance_m / (rays @ normal)).astype(np.float32))


def _homography(pose: RigidPose, target: PinholeCamera, normal: Float64, distance_m: float) -> Float64:
    """From source to target pixels of that plane (Hartley and Zisserman, section 13.1)."""
    of_plane = pose.rotation + np.outer(pose.translation_m, normal) / distance_m
    return np.asarray(target.k @ of_plane @ np.linalg.inv(SOURCE.k), np.float64)


def test_no_motion_leaves_every_pixel_as_it_is() -> None:
    """Also at the picture's border, and along steps of depth."""
    z = np.where(np.random.default_rng(1).uniform(size=(64, 96)) < 0.1, 0.5, 2.0).astype(np.float32)
    warped = SurfelWarp(SOURCE, SOURCE).warp(PICTURE, depth_of(z), RigidPose.identity())
    assert warped.is_real.all()
    np.testing.assert_array_equal(warped.picture, PICTURE)
    np.testing.assert_allclose(warped.inverse_z, 1.0 / z, rtol=1e-5)


@pytest.mark.parametrize(
    "target", [SOURCE, camera(80, 48, 120.0), camera(128, 96, 60.0)], ids=["equal", "tele", "wide"]
)
@pytest.mark.parametrize(
    "pose",
    [
        DOWN,
        RigidPose.translation(0.0, 0.0, -0.2),
        RigidPose.translation(0.05, 0.0, 0.2),
        RigidPose(rotation(0.1, -0.15, 0.3), np.zeros(3)),
        RigidPose(rotation(-0.1, 0.05, -0.1), np.array([0.05, -0.03, -0.1])),
    ],
    ids=["down", "forward", "backward", "turn", "all"],
)
def test_a_slanted_plane_is_warped_by_its_homography(pose: RigidPose, target: PinholeCamera) -> None:
    """In coordinates, pixels and depth; where the source shows nothing, there is a hole."""
    normal, distance_m = rotation(0.5, 0.3, 0.0)[:, 2], 1.0
    warped = SurfelWarp(SOURCE, target).warp(PICTURE, _plane(normal, distance_m), pose)
    back = np.linalg.inv(_homography(pose, target, normal, distance_m))
    column, row = np.meshgrid(np.arange(target.width_px), np.arange(target.height_px))
    x, y, scale = np.moveaxis(np.stack([column, row, np.ones_like(row)], axis=-1) @ back.T, -1, 0)
    expected = np.stack([x / scale, y / scale], axis=-1)
    end = np.array([SOURCE.width_px - 1, SOURCE.height_px - 1])
    inside = ((expected > 1e-2) & (expected < end - 1e-2)).all(axis=-1) & (scale > 0.0)
    outside = ((expected < -1e-2) | (expected > end + 1e-2)).any(axis=-1)
    assert inside.sum() > 500
    assert warped.is_real[inside].all()
    assert not warped.is_real[outside].any()
    np.testing.assert_allclose(warped.source_xy[inside], expected[inside], atol=2e-3)
    across, down = (np.ascontiguousarray(expected[..., axis], np.float32) for axis in (0, 1))
    sampled = cv2.remap(PICTURE, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(warped.picture[inside].astype(int) - sampled[inside]).max() <= 1


def test_what_is_behind_the_target_camera_is_not_drawn() -> None:
    """A camera that moves forward passes by what is near."""
    z = np.full((64, 96), 2.0, np.float32)
    z[20:40, 30:60] = 0.3
    warped = SurfelWarp(SOURCE, SOURCE).warp(PICTURE, depth_of(z), RigidPose.translation(0.0, 0.0, -0.5))
    assert warped.is_real.any()
    np.testing.assert_allclose(warped.inverse_z[warped.is_real], 1.0 / 1.5, rtol=1e-4)


def test_the_nearest_surface_is_in_front_and_uncovers_a_hole() -> None:
    """Whichever is drawn first: a square before a wall moves by its parallax, and by no more."""
    z = np.full((64, 96), 2.0, np.float32)
    z[20:40, 30:60] = 0.5
    warped = SurfelWarp(SOURCE, SOURCE).warp(PICTURE, depth_of(z), DOWN)
    near = np.abs(warped.inverse_z - 2.0) < 0.01
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (9, 28, 30, 59)
    hole = ~warped.is_real[:55]
    assert np.flatnonzero(hole.any(axis=1)).tolist() == list(range(29, 37))
    assert hole[29:37].sum() == 8 * 30


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0, 100.0])
def test_depth_that_is_not_valid_is_a_hole_and_never_leaks(value: float) -> None:
    """Not one byte of the result depends on its value."""
    z = _plane(rotation(0.4, 0.0, 0.0)[:, 2], 1.0).z
    is_valid = np.ones(z.shape, np.bool_)
    is_valid[20:30, 40:50] = is_valid[0, :20] = is_valid[50, 50] = False
    warp = SurfelWarp(SOURCE, SOURCE)
    one, other = (
        warp.warp(PICTURE, Depth(np.where(is_valid, z, np.float32(bad)), is_valid, "metre"), DOWN)
        for bad in (1.0, value)
    )
    assert not warp.warp(PICTURE, Depth(z, is_valid, "metre"), RigidPose.identity()).is_real[~is_valid].any()
    _assert_equal(one, other)


def test_a_target_that_sees_nothing_is_all_hole() -> None:
    """It looks the other way; and without valid depth, nothing is known."""
    behind = RigidPose(rotation(0.0, np.pi, 0.0), np.zeros(3))
    assert not SurfelWarp(SOURCE, SOURCE).warp(PICTURE, flat_depth(SOURCE), behind).is_real.any()
    unknown = depth_of(np.zeros((64, 96), np.float32))
    warped = SurfelWarp(SOURCE, SOURCE).warp(PICTURE, unknown, DOWN)
    assert not warped.is_real.any()
    assert not warped.picture.any()


def test_the_same_input_gives_the_same_bytes() -> None:
    """Whatever was warped before, and by however many of OpenCV's threads."""
    depth, threads = _plane(rotation(0.4, 0.2, 0.0)[:, 2], 1.0), cv2.getNumThreads()
    warp = SurfelWarp(SOURCE, SOURCE)
    first = warp.warp(PICTURE, depth, DOWN)
    warp.warp(PICTURE[::-1].copy(), flat_depth(SOURCE), DOWN.inverse())
    try:
        cv2.setNumThreads(1)
        _assert_equal(first, warp.warp(PICTURE, depth, DOWN))
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.parametrize(("what", "height"), [("picture", 32), ("depth", 128)])
def test_another_size_is_refused(what: str, height: int) -> None:
    """Of the picture or of its depth."""
    odd = camera(96, height)
    picture, depth = (smooth_picture(odd), flat_depth(SOURCE)) if what == "picture" else (PICTURE, flat_depth(odd))
    with pytest.raises(UsageError, match=rf"a {what} is 96x{height} pixels, but the camera .* has 96x64"):
        SurfelWarp(SOURCE, SOURCE).warp(picture, depth, DOWN)


@pytest.fixture(scope="module")
def bench() -> tuple[PinholeCamera, ExactPair]:
    """The bench from 7 cm further down, in small pictures."""
    seen = scene("bench")
    of = seen.camera(320, 180)
    return of, view_pair(seen, of, of, DOWN)


def test_what_both_cameras_see_is_real_and_nothing_else(bench: tuple[PinholeCamera, ExactPair]) -> None:
    """The measured figures at this size: 37.1 dB, 0.1 % lost, 0.8 % of hidden pixels claimed."""
    of, pair = bench
    warped = SurfelWarp(of, of).warp(pair.source.picture, depth_of(pair.source.depth_m), DOWN)
    seen, hidden = pair.is_visible, ~pair.is_visible
    assert (~warped.is_real & seen).sum() < 0.003 * seen.sum()
    assert (warped.is_real & hidden).sum() < 0.02 * hidden.sum()
    assert _psnr(warped, pair) > 35.0


def test_smeared_depth_is_snapped(bench: tuple[PinholeCamera, ExactPair]) -> None:
    """And what is drawn then is far nearer to what is there."""
    of, pair = bench
    smeared = depth_of(np.asarray(cv2.GaussianBlur(pair.source.depth_m, (0, 0), 1.5), np.float32))
    snapped, drawn = (
        _psnr(SurfelWarp(of, of, snaps_edges=snaps).warp(pair.source.picture, smeared, DOWN), pair)
        for snaps in (None, False)
    )
    assert snapped > drawn + 2.0


def test_the_realised_pose_is_the_requested_one(bench: tuple[PinholeCamera, ExactPair]) -> None:
    """From triangulated points: where both cameras see them, and their exact depth in both, give the motion back."""
    of, pair = bench
    warped = SurfelWarp(of, of).warp(pair.source.picture, depth_of(pair.source.depth_m), DOWN)
    across, down = np.ascontiguousarray(warped.source_xy[..., 0]), np.ascontiguousarray(warped.source_xy[..., 1])
    w = cv2.remap(1.0 / pair.source.depth_m, across, down, cv2.INTER_LINEAR)
    same = np.abs(w * pair.target.depth_m - 1.0) < 1e-3  # a surface, not a mean of two
    row, column = np.nonzero(warped.is_real & pair.is_visible & same)
    x, y = warped.source_xy[row, column].T
    seen = _points(of, x, y, 1.0 / w[row, column])
    expected = _points(of, column, row, pair.target.depth_m[row, column])
    realised = _motion(seen, expected)
    difference = realised @ DOWN.inverse()
    assert difference.distance_m < 1e-4
    assert difference.angle_deg < 0.01


def test_each_scene_can_be_seen() -> None:
    """In both views, with something that only one of them sees."""
    for name in SCENES:
        seen = scene(name, seed=1)
        of = seen.camera(64, 36)
        pair = view_pair(seen, of, of, DOWN)
        assert 0.5 < pair.is_visible.mean() < 1.0
        assert pair.source.picture.std() > 20.0


def _assert_equal(one: Warped, other: Warped) -> None:
    for field in ("picture", "is_real", "source_xy", "inverse_z"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def _psnr(warped: Warped, pair: ExactPair) -> float:
    both = warped.is_real & pair.is_visible
    error = warped.picture[both].astype(np.float64) - pair.target.picture[both]
    return float(10.0 * np.log10(255.0**2 / (error**2).mean()))


def _points(of: PinholeCamera, x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike) -> Float64:
    pixels = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64), np.ones(np.shape(x))], axis=-1)
    return np.asarray((pixels @ np.linalg.inv(of.k).T) * np.asarray(z, np.float64)[:, None], np.float64)


def _motion(points: Float64, moved: Float64) -> RigidPose:
    """The rigid motion between two sets of points (Kabsch 1976), without those that it does not fit."""
    for _ in range(5):
        centre, centre_moved = points.mean(axis=0), moved.mean(axis=0)
        u, _, v = np.linalg.svd((points - centre).T @ (moved - centre_moved))
        turn = v.T @ np.diag([1.0, 1.0, np.linalg.det(v.T @ u.T)]) @ u.T
        motion = RigidPose(turn, centre_moved - turn @ centre)
        error = np.linalg.norm(motion.apply(points) - moved, axis=1)
        keep = error <= np.quantile(error, 0.9)
        points, moved = points[keep], moved[keep]
    return motion
