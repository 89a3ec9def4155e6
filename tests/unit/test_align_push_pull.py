"""Push-pull: holes take the background's colours, and nothing else changes."""

import numpy as np
import pytest

from stream.alignment.fill.push_pull import fill_by_push_pull
from stream.pipeline.items import UInt8

HEIGHT, WIDTH = 45, 79


def noise(seed: int = 0) -> UInt8:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def test_known_pixels_keep_their_bytes() -> None:
    """Whatever the shape of the holes."""
    picture = noise()
    is_hole = np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.4
    inverse_z = np.random.default_rng(2).random((HEIGHT, WIDTH), np.float32)
    filled = fill_by_push_pull(picture, is_hole, inverse_z)
    assert np.array_equal(filled[~is_hole], picture[~is_hole])
    assert fill_by_push_pull(picture, np.zeros_like(is_hole)).tobytes() == picture.tobytes()


@pytest.mark.parametrize("weighted", [False, True])
def test_a_plain_picture_is_restored(weighted: bool) -> None:  # noqa: FBT001
    """To within rounding, also where a hole goes beyond the picture's edge."""
    picture = np.full((HEIGHT, WIDTH, 3), (30, 120, 210), np.uint8)
    is_hole = np.zeros((HEIGHT, WIDTH), np.bool_)
    is_hole[10:20, 30:60] = is_hole[30:] = True
    inverse_z = np.where(is_hole, 0, np.linspace(0.3, 3, WIDTH)).astype(np.float32) if weighted else None
    filled = fill_by_push_pull(np.where(is_hole[..., None], 0, picture).astype(np.uint8), is_hole, inverse_z)
    assert np.abs(filled.astype(int) - picture).max() <= 2


def test_a_hole_between_object_and_background_is_background() -> None:
    """The object is at 0.5 m, the background at 2 m: most of what fills the hole is the background's."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, :35] = 200
    inverse_z = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    inverse_z[:, :35] = 2.0
    is_hole = np.zeros((HEIGHT, WIDTH), np.bool_)
    is_hole[:, 35:43] = True
    inverse_z[is_hole] = 0
    weighted, plain = (fill_by_push_pull(picture, is_hole, z)[is_hole].mean() for z in (inverse_z, None))
    assert weighted < 0.6 * plain


def test_a_picture_of_holes_is_black() -> None:
    """There is nothing to take colours from."""
    assert not fill_by_push_pull(noise(), np.ones((HEIGHT, WIDTH), np.bool_)).any()
