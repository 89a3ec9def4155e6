"""Fitting a lens to views of a chessboard, and choosing the views."""

from dataclasses import replace

import numpy as np
import pytest

from stream.errors import IntrinsicsError, UsageError
from stream.geometry.board.fit import BoardModel, fit_board
from stream.geometry.board.view import Board, BoardView, choose_views, coverage, find_board
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.brown_conrady import BrownConrady
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.table import intrinsics_of
from tests.support.board_pictures import board_picture, exact_view, poses

BOARD = Board(7, 5)
SIZE = (640, 400)
FISHEYE = intrinsics_of(KannalaBrandt, SIZE, (210.0, 211.0), (322.0, 197.0), [0.03, -0.01, 0.004, -0.001])
PHONE = intrinsics_of(BrownConrady, SIZE, (500.0, 498.0), (317.0, 203.0), [-0.12, 0.05, 0.001, -0.0005, 0.0])


def views_of(lens: Intrinsics, count: int, *, reach: float, noise_px: float = 0.0) -> list[BoardView]:
    rng = np.random.default_rng(1)
    exact = [exact_view(lens, BOARD, pose, str(number)) for number, pose in enumerate(poses(count, BOARD, reach=reach))]
    return [replace(view, corners=view.corners + rng.normal(0, noise_px, view.corners.shape)) for view in exact]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lens", "reach", "models"),
    [
        (FISHEYE, 0.8, ("fisheye", "pinhole")),
        (PHONE, 0.35, ("fisheye", "pinhole")),
    ],
)
def test_the_lens_is_found(lens: Intrinsics, reach: float, models: tuple[BoardModel, ...]) -> None:
    """From corners with a tenth of a pixel of noise; of two models, the lens's own is taken."""
    fit = fit_board(views_of(lens, 10, reach=reach, noise_px=0.1), BOARD, SIZE, models)
    assert fit.intrinsics.model == lens.model
    found = [getattr(fit.intrinsics, name) for name in ("fx", "fy", "cx", "cy")]
    assert found == pytest.approx([lens.fx, lens.fy, lens.cx, lens.cy], abs=3)
    assert fit.rms_px == pytest.approx(0.1 * np.sqrt(2), rel=0.3)
    assert fit.rms_px < fit.held_out_rms_px < 2 * fit.rms_px
    rays = np.array([[-0.5, -0.3], [0.2, 0.1], [0.5, 0.3]])
    focal = np.array([lens.fx, lens.fy])
    moved = fit.intrinsics.project(rays) * focal - lens.project(rays) * focal
    assert np.abs(moved).max() < 1.0


@pytest.mark.slow
def test_a_view_that_does_not_fit_is_left_out() -> None:
    """Corners that were found in a wrong place spoil no lens, and are named."""
    views = views_of(FISHEYE, 9, reach=0.8, noise_px=0.05)
    wrong = views[4].corners.copy()
    wrong[3:9] += 6.0
    views[4] = replace(views[4], corners=wrong)
    fit = fit_board(views, BOARD, SIZE, ("fisheye",))
    assert [view.name for view in fit.left_out] == ["4"]
    assert fit.intrinsics.fx == pytest.approx(FISHEYE.fx, abs=1.0)


def test_views_of_no_board_fit_no_lens() -> None:
    rng = np.random.default_rng(0)
    views = [BoardView(str(number), rng.uniform(0, 400, (35, 2))) for number in range(6)]
    with pytest.raises(IntrinsicsError, match="no lens fits the 6 views of the board"):
        fit_board(views, BOARD, SIZE, ("fisheye",))


@pytest.mark.slow
def test_corners_are_found_where_they_are() -> None:
    """In a rendered picture, to half a pixel."""
    pose = poses(5, BOARD, reach=0.4)[2]
    view = find_board(board_picture(FISHEYE, BOARD, pose)[..., 0], BOARD, "picture")
    assert view is not None
    exact = exact_view(FISHEYE, BOARD, pose).corners
    distances = np.linalg.norm(view.corners[:, None] - exact, axis=-1)
    assert distances.min(axis=1).max() < 0.5
    assert sorted(distances.argmin(axis=1)) == list(range(len(exact)))


def test_no_board_is_found_where_there_is_none() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300), np.uint8)
    assert find_board(noise, BOARD, "noise") is None


def test_the_most_different_views_are_chosen() -> None:
    """A board that hangs still counts once, also if it was found upside down."""
    views = views_of(FISHEYE, 6, reach=0.8)
    still = [replace(views[0], name=f"still {number}", corners=views[0].corners + 0.5) for number in range(20)]
    turned = replace(views[1], name="turned", corners=views[1].corners[::-1])
    chosen = [view.name for view in choose_views([*views, *still, turned], BOARD, SIZE[0], 40)]
    assert chosen == [view.name for view in views]
    assert len(choose_views(views, BOARD, SIZE[0], 3)) == 3


def test_coverage_counts_views() -> None:
    square = np.array([[0.0, 0.0], [160.0, 0.0], [160.0, 160.0], [0.0, 160.0]])
    count = coverage([BoardView("a", square), BoardView("b", square)], 320, 320)
    assert (count.shape, count.max()) == ((40, 40), 2)
    assert (count > 0).mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("text", ["9", "9x", "2x6", "9x6x3", "x", "100x6", "-9x6"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="must be the board's inner corners"):
        Board.parse(text, 25.0)
