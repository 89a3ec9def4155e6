"""The snapping of smeared depth, on steps that are known."""

import cv2
import numpy as np
import pytest

from stream.alignment.warp.cracks import close_cracks
from stream.alignment.warp.edge_snap import is_smeared, snap_edges
from stream.pipeline.items import Float32

pytestmark = pytest.mark.slow  # numba compiles


def _step(angle_deg: float = 0.0) -> Float32:
    """(120, 160) depth: a near half plane before a far one."""
    x, y = np.meshgrid(np.arange(160) - 79.3, np.arange(120) - 59.3)
    is_near = x * np.cos(np.radians(angle_deg)) + y * np.sin(np.radians(angle_deg)) < 0.0
    return np.where(is_near, 0.5, 0.9).astype(np.float32)


def _blurred(z: Float32) -> Float32:
    """Inverse depth, from depth as a network blurs it."""
    return np.asarray(1.0 / cv2.GaussianBlur(z, (0, 0), 1.2), np.float32)


@pytest.mark.parametrize("angle_deg", [0.0, 20.0, 45.0, 90.0, 200.0])
def test_a_blurred_step_is_a_step_again(angle_deg: float) -> None:
    """At its place, in every direction."""
    z = _step(angle_deg)
    smeared = _blurred(z)
    assert is_smeared(smeared)
    error = np.abs(1.0 / snap_edges(smeared) / z - 1.0)
    assert (error > 0.03).sum() < 0.1 * (np.abs(1.0 / smeared / z - 1.0) > 0.03).sum()


def test_sharp_steps_and_slanted_surfaces_stay_as_they_are() -> None:
    """A floor that rises to the horizon is no ramp."""
    z = _step(30.0)
    assert not is_smeared(1.0 / z)
    np.testing.assert_array_equal(snap_edges(1.0 / z), 1.0 / z)
    floor = np.repeat(np.linspace(0.2, 2.0, 120, dtype=np.float32)[:, None], 160, axis=1)
    assert not is_smeared(floor)
    np.testing.assert_array_equal(snap_edges(floor), floor)


def test_depth_that_is_not_valid_stays_so_and_ends_a_ramp() -> None:
    """It is 0 here, and no surface."""
    w = _blurred(_step())
    w[:, 80] = 0.0
    snapped = snap_edges(w)
    assert not snapped[:, 80].any()
    assert (snapped[:, :80] > 0.0).all()
    assert (snapped[:, 81:] > 0.0).all()
    assert snapped[snapped > 0.0].min() > 1.0 / 0.9 - 1e-3


def test_cracks_of_a_pixel_are_closed_and_wider_holes_are_not() -> None:
    """Nor is one that the source has, for want of depth."""
    q, w = np.ones((5, 9), np.float32), np.ones((5, 9), np.float32)
    source = np.stack(np.meshgrid(np.arange(9), np.arange(5)), axis=-1).astype(np.float32)
    q[:, 2] = q[:, 5:7] = w[3, 2] = 0.0
    closed_q, closed_xy = q.copy(), source.copy()
    close_cracks(q, source, w, closed_q, closed_xy)
    assert closed_q[:, 2].tolist() == [1.0, 1.0, 1.0, 0.0, 1.0]
    assert not closed_q[:, 5:7].any()
    np.testing.assert_array_equal(closed_xy[2, 2], [2.0, 2.0])


def test_a_background_that_shows_through_a_crack_is_covered() -> None:
    """But not one that the source shows between two things."""
    q, w = np.ones((3, 5), np.float32), np.ones((3, 5), np.float32)
    source = np.stack(np.meshgrid(np.arange(5), np.arange(3)), axis=-1).astype(np.float32)
    q[:, 2], source[:, 2] = 0.5, 40.0
    closed_q, closed_xy = q.copy(), source.copy()
    close_cracks(q, source, w, closed_q, closed_xy)
    assert (closed_q == 1.0).all()
    np.testing.assert_array_equal(closed_xy[:, 2, 0], [2.0, 2.0, 2.0])
    w[:, 2] = 0.5
    closed_q = q.copy()
    close_cracks(q, source, w, closed_q, closed_xy)
    np.testing.assert_array_equal(closed_q, q)
