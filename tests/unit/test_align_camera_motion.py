"""The camera's motion between frames of an exact scene, and the one scale that it gives to pumping depth."""

import numpy as np
import pytest

from models.depth.depth import Depth
from stream.alignment.camera_motion import CameraMotion, estimate_motion
from stream.alignment.depth_scale import RETURN_FRAMES, DepthScale
from stream.geometry.pose import RigidPose
from tests.support.card_scene import CAMERA, Card, view

WALL = [Card(z=2.0), Card(z=1.2, x=-0.4, half_width=0.2, half_height=0.3, seed=1)]
TURNED = RigidPose(
    np.array([[0.9998, 0, 0.0199987], [0, 1, 0], [-0.0199987, 0, 0.9998]]), np.array([0.03, -0.01, 0.02])
)
"""A head's motion in a tenth of a second: 1.1 degrees and 3.7 cm."""


def motion_of(pose: RigidPose, depth_factor: float = 1.0) -> CameraMotion | None:
    picture, depth = view(WALL, RigidPose.identity())
    scaled = Depth(depth.z * np.float32(depth_factor), depth.is_valid, depth.unit)
    return estimate_motion(CAMERA, picture, scaled, view(WALL, pose)[0])


@pytest.mark.parametrize("pose", [RigidPose.identity(), TURNED, RigidPose.translation(0.0, 0.04, 0.0)])
def test_the_motion_is_found(pose: RigidPose) -> None:
    """To a quarter of a degree and 5 mm in a picture of 240 pixels, also where the camera stands still."""
    motion = motion_of(pose)
    assert motion is not None
    error = motion.second_from_first @ pose
    assert error.angle_deg < 0.25
    assert error.distance_m < 0.005


def test_its_length_is_in_the_depth_s_unit() -> None:
    """Three times the depth, three times the length."""
    once, thrice = motion_of(TURNED), motion_of(TURNED, 3.0)
    assert once is not None
    assert thrice is not None
    assert thrice.second_from_first.distance_m == pytest.approx(3 * once.second_from_first.distance_m, rel=1e-3)


def test_a_moving_object_is_outvoted_or_excluded() -> None:
    """A card that goes its own way changes nothing, be it outvoted or marked as what may move."""
    picture, depth = view(WALL, RigidPose.identity())
    moved = [WALL[0], Card(z=1.2, x=-0.32, half_width=0.2, half_height=0.3, seed=1)]
    for is_excluded in (None, depth.z < 1.5):
        motion = estimate_motion(CAMERA, picture, depth, view(moved, TURNED)[0], is_excluded)
        assert motion is not None
        assert (motion.second_from_first @ TURNED).distance_m < 0.006


@pytest.mark.parametrize("second", ["noise", "plain"])
def test_an_unknown_motion_is_none(second: str) -> None:
    """The next frame shows another place, or nothing that can be tracked."""
    picture, depth = view(WALL, RigidPose.identity())
    noise = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    assert estimate_motion(CAMERA, picture, depth, noise if second == "noise" else np.zeros_like(picture)) is None


def test_pumping_depth_gets_one_scale() -> None:
    """Depth that pumps by 12% from frame to frame stays within 1% of the first frame's scale."""
    rng = np.random.default_rng(5)
    scaler, scales = DepthScale(CAMERA), []
    for frame in range(12):
        factor = np.exp(rng.normal(0, 0.12)) if frame else 1.0
        pose = RigidPose.translation(0.02 * np.sin(frame), 0.015 * np.cos(frame), 0.01 * frame)
        picture, depth = view(WALL, pose)
        pumped = Depth(depth.z * np.float32(factor), depth.is_valid, depth.unit)
        scales.append(factor * _scale_of(scaler, picture, pumped))
    assert np.abs(np.log(scales)).max() < 0.01


def test_the_scale_returns_to_the_model_s_own() -> None:
    """A first frame of a wrong scale is forgotten with the time constant; another object continues from its scale."""
    picture, depth = view(WALL, RigidPose.identity())
    scaler = DepthScale(CAMERA, scale=1.2)
    scaler.scaled(picture, depth)
    first = _scale_of(scaler, picture, depth)
    assert first == pytest.approx(1.2 ** (1 - 1 / RETURN_FRAMES), rel=1e-4)
    continued = DepthScale(CAMERA, scale=first)
    continued.scaled(picture, depth)
    assert _scale_of(continued, picture, depth) == _scale_of(scaler, picture, depth)


def test_the_scale_stays_where_the_motion_is_unknown() -> None:
    """After a cut, for example."""
    picture, depth = view(WALL, RigidPose.identity())
    scaler = DepthScale(CAMERA, scale=1.1)
    scaler.scaled(picture, depth)
    assert _scale_of(scaler, np.zeros_like(picture), depth) == 1.1


def _scale_of(scaler: DepthScale, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], depth: Depth) -> float:
    scaled = scaler.scaled(picture, depth)
    assert scaled.z[0, 0] == pytest.approx(depth.z[0, 0] * scaler.scale)
    return scaler.scale
