"""Similarity of pictures, named points, and the verdict over distances."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.alignment.scores.points import MarkedPoint, predicted_px, read_points, shift_px
from stream.alignment.scores.scores import DistanceScore, PictureScore
from stream.alignment.scores.similarity import mean_squared_error, mean_ssim, psnr_db
from stream.alignment.scores.verdict import Verdict, verdict
from stream.alignment.warp.warp import Warped
from stream.errors import UsageError
from stream.pipeline.items import UInt8

NAN = float("nan")


def noise(height: int, width: int, seed: int = 0) -> UInt8:
    """(H, W, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_one_window_of_ssim_is_that_of_the_paper() -> None:
    """Weighted moments by the window's own definition, equations 14 to 16 of Wang et al."""
    first, second = noise(11, 11), noise(11, 11, 1)
    x, y = (cv2.cvtColor(each, cv2.COLOR_BGR2GRAY).astype(np.float64) for each in (first, second))
    axis = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weight = np.outer(axis, axis) / np.outer(axis, axis).sum()
    mean_x, mean_y = (weight * x).sum(), (weight * y).sum()
    variances = (weight * (x - mean_x) ** 2).sum() + (weight * (y - mean_y) ** 2).sum()
    covariance = (weight * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))
    assert mean_ssim(first, second, np.ones((11, 11), np.bool_)) == pytest.approx(expected, abs=1e-9)


def test_similarity_counts_only_what_is_masked() -> None:
    first, mask = noise(40, 40), np.zeros((40, 40), np.bool_)
    mask[:20] = True
    second = first.copy()
    second[20:] = 0
    assert mean_squared_error(first, second, mask) == 0.0
    assert psnr_db(0.0) == float("inf")
    assert mean_ssim(first, second, mask) == pytest.approx(1.0)
    everywhere = np.ones_like(mask)
    assert psnr_db(mean_squared_error(first, second, everywhere)) < 12.0
    assert mean_ssim(first, second, everywhere) < 0.8
    assert np.isnan(mean_ssim(first, second, np.zeros_like(mask)))


def shifted_view() -> Warped:
    """A plane that moved by 3.25 pixels to the right and 2.5 down, with a hole."""
    y, x = np.mgrid[:40, :60].astype(np.float32)
    is_real = np.ones((40, 60), np.bool_)
    is_real[:, 30:40] = False
    source_xy = np.stack([x - np.float32(3.25), y - np.float32(2.5)], axis=2)
    return Warped(noise(40, 60), is_real, source_xy, np.ones((40, 60), np.float32))


def test_a_point_is_predicted_between_pixels_and_not_in_a_hole() -> None:
    view = shifted_view()
    assert predicted_px(view, (10.0, 20.0)) == pytest.approx((13.25, 22.5), abs=1e-4)
    assert predicted_px(view, (32.0, 20.0)) is None
    assert shift_px(MarkedPoint((16.25, 26.5), (10.0, 20.0)), view) == pytest.approx(5.0, abs=1e-3)
    assert np.isnan(shift_px(MarkedPoint((0.0, 0.0), (32.0, 20.0)), view))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[", "is not JSON"),
        ("[1]", "not a JSON object"),
        ('{"cup": {"real": [1, 2], "source": [3, 4]}}', "points of one picture"),
        ('{"c.png": {"cup": {"real": [1, 2], "source": [3, 4]}}}', "which --real does not name"),
        ('{"a.png": {"cup": {"real": [1, 2], "source": [3]}}}', "cup has no pixel 'source'"),
    ],
)
def test_points_that_do_not_fit_are_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "points.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=says):
        read_points(path, ("a.png", "b.png"))


def test_points_of_one_picture_need_no_name(tmp_path: Path) -> None:
    path = tmp_path / "points.json"
    path.write_text(json.dumps({"cup": {"real": [1, 2.5], "source": [3, 4]}}))
    assert read_points(path, ("a.png",)) == {"a.png": {"cup": MarkedPoint((1.0, 2.5), (3.0, 4.0))}}


def score(distance_m: float, ssims: list[float], mse: float, shift: float = NAN) -> DistanceScore:
    """A score of one picture for each SSIM."""
    points = {} if np.isnan(shift) else {"cup": shift}
    return DistanceScore(distance_m, [PictureScore("p", mse, each, mse, each, 0.1, 0.05, points) for each in ssims])


@pytest.mark.parametrize(
    ("scores", "best_m", "says"),
    [
        ([score(0.03, [0.8] * 3, 9.0), score(0.07, [0.9, 0.91, 0.9], 4.0)], 0.07, "± 0.0033 over 3 pictures"),
        ([score(0.03, [0.8], 9.0), score(0.07, [0.9], 4.0)], 0.07, "from 1 picture: too few"),
        ([score(0.03, [0.8] * 3, 4.0), score(0.07, [0.9] * 3, 9.0)], None, "but PSNR 0.03 m"),
        ([score(0.03, [0.8] * 3, 9.0, 1.0), score(0.07, [0.9] * 3, 4.0, 2.0)], None, "but the points 0.03 m"),
        ([score(0.03, [0.9, 0.8, 0.7], 9.0), score(0.07, [0.8, 0.9, 0.75], 4.0)], None, "no distance is clearly best"),
        ([score(0.03, [0.9] * 3, 4.0), score(0.07, [0.9] * 3, 4.0)], None, "are equal"),
        ([score(0.03, [NAN], 4.0), score(0.07, [0.9], 4.0)], None, "fewer than two"),
    ],
)
def test_the_best_distance_is_named_only_if_all_agree_and_the_margin_is_clear(
    scores: list[DistanceScore], best_m: float | None, says: str
) -> None:
    found: Verdict = verdict(scores)
    assert found.best_m == best_m
    assert says in found.sentence
