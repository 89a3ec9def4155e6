"""Rigid poses: their algebra, and what is refused."""

import numpy as np
import pytest

from stream.errors import UsageError
from stream.geometry.pose import RigidPose
from tests.support.rotations import rotation

POSE = RigidPose(rotation(0.3, -0.2, 0.1), np.array([0.1, -0.07, 0.4]))


def test_a_pose_and_its_inverse_leave_points_where_they_are() -> None:
    """In either order."""
    points = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(POSE.inverse().apply(POSE.apply(points)), points, atol=1e-14)
    np.testing.assert_allclose((POSE @ POSE.inverse()).matrix, np.eye(4), atol=1e-14)


def test_the_product_is_that_of_the_matrices() -> None:
    """The right one is applied first."""
    other = RigidPose(rotation(-0.5, 0.0, 1.0), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose((POSE @ other).matrix, POSE.matrix @ other.matrix, atol=1e-14)


@pytest.mark.parametrize("angle_deg", [0.0, 1e-6, 0.01, 90.0, 179.0, 180.0])
def test_the_angle_is_exact_also_where_it_is_small(angle_deg: float) -> None:
    """And at half a turn."""
    turned = RigidPose(rotation(0.0, np.radians(angle_deg), 0.0), np.zeros(3))
    assert turned.angle_deg == pytest.approx(angle_deg, rel=1e-6, abs=1e-12)


def test_a_translation_has_no_rotation() -> None:
    """And the length that was requested."""
    moved = RigidPose.translation(0.0, -0.07, 0.0)
    assert (moved.angle_deg, moved.distance_m) == (0.0, 0.07)
    np.testing.assert_array_equal(RigidPose.identity().matrix, np.eye(4))


def test_a_rotation_in_float32_is_rigid() -> None:
    """As poses in files are."""
    assert RigidPose.from_matrix(POSE.matrix.astype(np.float32)).angle_deg == pytest.approx(POSE.angle_deg, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m[:3], r"has the shape \(3, 4\)"),
        (lambda m: m * 1.001, "last row of a pose is 0 0 0 1.001"),
        (lambda m: m.T, "by rows, not by columns"),
        (lambda m: m @ np.diag([1.001, 1.0, 1.0, 1.0]), "not orthogonal: .* by 0.00"),
        (lambda m: m @ np.diag([-1.0, 1.0, 1.0, 1.0]), "determinant -1, a mirror"),
        (lambda m: m + np.diag([np.nan, 0.0, 0.0, 0.0]), "not finite"),
        (lambda _: [[1, 2], [3]], "not a matrix of numbers"),
        (lambda _: "pose", "not a matrix of numbers"),
    ],
)
def test_what_is_no_rigid_motion_is_refused(change, words: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """With its value, and what would be right."""
    with pytest.raises(UsageError, match=words):
        RigidPose.from_matrix(change(POSE.matrix))
