"""The bench of the warp: its figures, and what it prints."""

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from stream.alignment.warp.warp import Warped
from stream.bench.alignment.figures import figures_of
from stream.bench.alignment.measure import measure_warps
from stream.bench.alignment.scenes import ExactPair, ExactView
from stream.bench.alignment.table import show
from stream.geometry.pose import RigidPose


def test_figures_count_what_is_lost_and_what_is_claimed() -> None:
    """Of ten pixels that both see one is a hole, and of ten hidden ones two are claimed; the others are off by ten."""
    picture, depth_m = np.full((2, 10, 3), 100, np.uint8), np.ones((2, 10), np.float32)
    is_visible = np.array([[True] * 10, [False] * 10])
    is_real = np.array([[False, *[True] * 9], [True, True, *[False] * 8]])
    warped = Warped(picture + np.uint8(10), is_real, np.zeros((2, 10, 2), np.float32), depth_m)
    figures = figures_of(warped, ExactPair(ExactView(picture, depth_m), ExactView(picture, depth_m), is_visible), 1.0)
    assert (figures.lost_percent, figures.false_real_percent) == (10.0, 20.0)
    assert figures.psnr_db == pytest.approx(20.0 * np.log10(25.5))


@pytest.mark.slow
def test_the_patches_are_measured_beside_the_soft_splat() -> None:
    """They are better in every figure that is aimed at, with exact and with blurred depth."""
    measured = measure_warps((128, 72), RigidPose.translation(0.0, -0.07, 0.0), seed=0)
    assert json.loads(json.dumps(measured)) == measured
    for methods in measured["depth"].values():
        patches, splat = methods["patches"]["mean"], methods["soft splat"]["mean"]
        assert patches["psnr_db"] > splat["psnr_db"] + 0.5
        assert patches["false_real_percent"] < splat["false_real_percent"]
    show(measured, Console(file=(text := StringIO()), width=120))
    assert "soft splat" in text.getvalue()
