"""Depth of sensors and models: its unit, where it is valid, and the formulas."""

import numpy as np
import pytest

from models.depth.conversion import (
    from_canonical,
    from_canonical_inverse,
    from_points,
    from_relative_inverse,
    stored_depth,
)

K = np.array([[400.0, 0, 159.5], [0, 410.0, 90.0], [0, 0, 1]])


def test_stored_metres_and_millimetres() -> None:
    """What is not a distance is not valid."""
    for kind, huge in ((np.float16, np.inf), (np.float32, np.inf), (np.float64, 1e300)):
        depth = stored_depth(np.array([[1.5, 0, -1], [np.nan, np.inf, huge]], kind))
        assert depth.unit == "metre"
        assert depth.is_valid.tolist() == [[True, False, False], [False, False, False]]
        assert depth.z[0, 0] == 1.5
        assert np.isfinite(depth.z).all()
    millimetres = stored_depth(np.array([[0, 1500, 65535]], np.uint16))
    assert millimetres.is_valid.tolist() == [[False, True, True]]
    assert millimetres.z[0, 1:].tolist() == [1.5, np.float32(65.535)]


@pytest.mark.parametrize("values", [np.zeros((2, 2), np.int32), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 1))])
def test_stored_depth_without_a_known_unit_is_refused(
    values: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
) -> None:
    """Its type or shape is named."""
    with pytest.raises(ValueError, match=r"depth (of type|has the shape)"):
        stored_depth(values)


def test_relative_inverse_depth() -> None:
    """Twice as near is half the depth, and the infinitely far is not valid."""
    depth = from_relative_inverse(np.array([[8.0, 4.0, 0.0, np.nan]]))
    assert depth.unit == "relative"
    assert depth.is_valid.tolist() == [[True, True, False, False]]
    assert depth.z[0, 1] == 2 * depth.z[0, 0]
    assert not from_relative_inverse(np.zeros((1, 2))).is_valid.any()


def test_canonical_depth_grows_with_the_focal_length() -> None:
    """Of Depth Pro and of Depth Anything 3."""
    assert from_canonical_inverse(np.array([[0.5]]), focal_px=640, width_px=1280).z[0, 0] == 1.0
    assert from_canonical(np.array([[2.0]]), focal_px=450, canonical_focal_px=300).z[0, 0] == 3.0


def test_the_shift_of_a_point_map_is_found() -> None:
    """By the camera's intrinsics, with noise in the points and a principal point off the centre."""
    rng = np.random.default_rng(3)
    v, u = np.mgrid[:180, :320]
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1]], axis=-1)
    z = 1.0 + rng.random((180, 320))
    points = np.dstack([rays * z[..., None], z - 0.7]) + rng.normal(0, 0.003, (180, 320, 3))
    points[0, 0] = np.nan
    depth = from_points(points / 2, rays, np.ones(z.shape, np.bool_), scale=2.0)
    assert depth.is_valid.sum() == z.size - 1
    assert abs(np.median(depth.z[depth.is_valid] - z[depth.is_valid])) < 0.003
    assert not from_points(points, rays, np.zeros(z.shape, np.bool_), scale=1.0).is_valid.any()
