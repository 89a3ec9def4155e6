"""Fitting a lens to views of a chessboard by OpenCV, without those that do not fit, and judging it on others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np

from stream.errors import IntrinsicsError
from stream.geometry.board.view import Board, BoardView
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.brown_conrady import BrownConrady
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.table import intrinsics_of
from stream.geometry.plausibility import require_possible
from stream.pipeline.items import Float64

BoardModel: TypeAlias = Literal["fisheye", "pinhole"]
"""``pinhole`` is OpenCV's name for a camera with Brown-Conrady distortion."""

VIEWS_MIN: Final = 5
"""Fewer do not determine a lens."""
_OUTLIER: Final = 3.0
"""Times the median of the views' errors."""
_OUTLIER_PX: Final = 0.3
"""No view with a smaller error is left out."""
_LEFT_OUT_MAX: Final = 1 / 3
_STEP, _POSE_ROUNDS = 1e-6, 5
_FOLDS: Final = 5
_RMS_MAX_PX: Final = 5.0
"""A lens that misses the corners by more fits nothing."""
_EQUAL: Final = 1.25
"""Errors on other views that differ by less than this factor say nothing about the model."""
_WIDE_RAD: Final = np.radians(45.0)
_WHERE_FLAGS_ARE: Final = cv2 if hasattr(cv2, "CALIB_RECOMPUTE_EXTRINSIC") else cv2.fisheye
"""OpenCV 5 has one set of flags for all lenses; in OpenCV 4 those of a fisheye have other values."""
_FISHEYE_FLAGS: Final = sum(
    int(getattr(_WHERE_FLAGS_ARE, f"CALIB_{name}"))
    for name in ("RECOMPUTE_EXTRINSIC", "FIX_SKEW", "USE_INTRINSIC_GUESS")
)
_FOCAL_GUESSES: Final = (0.25, 0.4, 0.7, 1.1)
"""Of the longer side: from a circular fisheye to a phone."""
_CRITERIA: Final = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-9)


@dataclass(frozen=True, eq=False, slots=True)
class BoardFit:
    """A lens that was fitted."""

    intrinsics: Intrinsics
    views: tuple[BoardView, ...]
    """Those that it was fitted to."""
    left_out: tuple[BoardView, ...]
    """Those that did not fit."""
    residuals_px: Float64
    """(views, corners, 2) seen minus predicted, pixels."""
    held_out_rms_px: float = float("nan")
    """RMS error of corners of views that a lens was not fitted to, only their pose, over all views in turn."""

    @property
    def view_rms_px(self) -> Float64:
        """(views,) RMS error of each view."""
        return np.asarray(np.sqrt((self.residuals_px**2).sum(axis=2).mean(axis=1)), np.float64)

    @property
    def rms_px(self) -> float:
        """RMS error of all corners."""
        return float(np.sqrt((self.residuals_px**2).sum(axis=2).mean()))


def fit_board(
    views: Sequence[BoardView], board: Board, size: tuple[int, int], models: Sequence[BoardModel]
) -> BoardFit:
    """Fit each model, and return the lens that predicts views best that it was not fitted to.

    If two predict them about as well, a wide lens is taken for a fisheye, whose polynomial is safer outside the views.

    Args:
        views: of the board, at least ``VIEWS_MIN``.
        board: the board.
        size: width and height of the pictures, pixels.
        models: the lens models to fit.

    Raises:
        IntrinsicsError: no model fits.
    """
    fits, problems = [], []
    for model in models:
        try:
            fit = _without_outliers(views, board, size, model)
            require_possible(fit.intrinsics)
            if fit.rms_px > _RMS_MAX_PX:
                problems.append(f"{model}: it misses the corners by {fit.rms_px:.1f} px")
                continue
            fits.append(replace(fit, held_out_rms_px=_held_out_rms_px(fit, board, size, model)))
        except (cv2.error, IntrinsicsError) as error:
            problems.append(f"{model}: {error}" if isinstance(error, IntrinsicsError) else f"{model}: no solution")
    if not fits:
        raise IntrinsicsError(
            f"no lens fits the {len(views)} views of the board ({'; '.join(problems)}): record it again, in more "
            "places and with more tilt"
        )
    best = min(fit.held_out_rms_px for fit in fits)
    return next(fit for fit in sorted(fits, key=_preference) if fit.held_out_rms_px <= _EQUAL * best)


def _preference(fit: BoardFit) -> bool:
    """Sorts the natural model for the lens's angle first."""
    lens = fit.intrinsics
    corner = np.array([[-lens.cx / lens.fx, -lens.cy / lens.fy]])
    is_wide = bool(np.hypot(*lens.unproject(corner)[0]) > np.tan(_WIDE_RAD))
    return is_wide != isinstance(lens, KannalaBrandt)


def _without_outliers(views: Sequence[BoardView], board: Board, size: tuple[int, int], model: BoardModel) -> BoardFit:
    """Fit, and leave out the worst view as long as it is far worse than the others."""
    kept, left_out = list(views), list[BoardView]()
    fit = _fit(kept, board, size, model)
    while len(left_out) < _LEFT_OUT_MAX * len(views) and len(kept) > VIEWS_MIN:
        errors = fit.view_rms_px
        worst = int(errors.argmax())
        if errors[worst] < max(_OUTLIER_PX, _OUTLIER * float(np.median(errors))):
            break
        left_out.append(kept.pop(worst))
        fit = _fit(kept, board, size, model, start=fit.intrinsics)
    return replace(fit, left_out=tuple(left_out))


def _fit(
    views: Sequence[BoardView],
    board: Board,
    size: tuple[int, int],
    model: BoardModel,
    start: Intrinsics | None = None,
) -> BoardFit:
    """Fit a lens to all views, from a lens that fits nearly as many, if there is one.

    Raises:
        cv2.error: OpenCV finds none.
        IntrinsicsError: its values are out of range.
    """
    if model == "fisheye":
        focals_px = [share * max(size) for share in _FOCAL_GUESSES] if start is None else [start.fx]
        intrinsics = _fit_fisheye(views, board, size, focals_px)
    else:
        intrinsics = _fit_brown_conrady(views, board, size)
    residuals = np.stack([view.corners - predicted(intrinsics, view, board) for view in views])
    return BoardFit(intrinsics, tuple(views), (), residuals)


def _fit_fisheye(
    views: Sequence[BoardView], board: Board, size: tuple[int, int], focals_px: Sequence[float]
) -> Intrinsics:
    """The best of the fits from several focal lengths: from its own guess OpenCV 5 rarely finds the poses."""
    points = [board.points().reshape(1, -1, 3)] * len(views)
    corners = [view.corners.reshape(1, -1, 2) for view in views]
    found, problem = [], cv2.error("no focal length was tried")
    centre = (np.array(size) - 1) / 2
    for focal in focals_px:
        guess = np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
        try:
            found.append(
                cv2.fisheye.calibrate(
                    points, corners, size, guess, np.zeros((4, 1)), flags=_FISHEYE_FLAGS, criteria=_CRITERIA
                )
            )
        except cv2.error as error:
            problem = error
    if not found:
        raise problem
    _, k, d, _, _ = min(found, key=lambda fit: fit[0])
    return intrinsics_of(KannalaBrandt, size, (k[0, 0], k[1, 1]), (k[0, 2], k[1, 2]), np.ravel(d).tolist())


def _fit_brown_conrady(views: Sequence[BoardView], board: Board, size: tuple[int, int]) -> Intrinsics:
    points = [board.points().astype(np.float32)] * len(views)
    corners = [view.corners.astype(np.float32) for view in views]
    _, k, d, _, _ = cv2.calibrateCamera(points, corners, size, np.eye(3), np.zeros(5), criteria=_CRITERIA)
    return intrinsics_of(BrownConrady, size, (k[0, 0], k[1, 1]), (k[0, 2], k[1, 2]), d.ravel().tolist())


def predicted(intrinsics: Intrinsics, view: BoardView, board: Board) -> Float64:
    """(corners, 2) pixels at which a lens shows the board's corners, from the pose that fits the view best.

    Raises:
        cv2.error: no pose fits.
    """
    focal, centre = np.array([intrinsics.fx, intrinsics.fy]), np.array([intrinsics.cx, intrinsics.cy])
    rays = intrinsics.unproject((view.corners - centre) / focal)
    points = board.points()
    _, rotation, shift = cv2.solvePnP(points, rays, np.eye(3), None)
    k = np.array([[focal[0], 0.0, centre[0]], [0.0, focal[1], centre[1]], [0.0, 0.0, 1.0]])
    start = np.concatenate([np.ravel(rotation), np.ravel(shift)])
    project = partial(_projected, intrinsics, points, k)
    return project(_refined_pose(start, float(np.ptp(points)), view.corners, project))


def _projected(intrinsics: Intrinsics, points: Float64, k: Float64, pose: Float64) -> Float64:
    """(corners, 2) pixels of (corners, 3) points at a pose: (6,) rotation vector and translation."""
    camera = points @ cv2.Rodrigues(pose[:3])[0].T + pose[3:]
    rays = camera[:, :2] / np.maximum(camera[:, 2:], 1e-9)
    return np.asarray(intrinsics.project(rays) * np.diag(k)[:2] + k[:2, 2], np.float64)


def _refined_pose(pose: Float64, scale: float, corners: Float64, project: Callable[[Float64], Float64]) -> Float64:
    """The pose with the smallest error in pixels, by the method of Gauss and Newton with numerical derivatives."""
    steps = np.diag([_STEP] * 3 + [_STEP * scale] * 3)
    error = corners - project(pose)
    for _ in range(_POSE_ROUNDS):
        jacobian = np.stack([(project(pose + step) - project(pose)).ravel() / step.sum() for step in steps], axis=1)
        better = pose + np.linalg.lstsq(jacobian, error.ravel(), rcond=None)[0]
        new_error = corners - project(better)
        if not (new_error**2).sum() < (error**2).sum():
            break
        pose, error = better, new_error
    return pose


def _held_out_rms_px(fit: BoardFit, board: Board, size: tuple[int, int], model: BoardModel) -> float:
    """Cross-validation over the views that fit; each is judged by a lens fitted without it."""
    squares: list[Float64] = []
    folds = min(_FOLDS, len(fit.views))
    for fold in range(folds):
        others = [view for index, view in enumerate(fit.views) if index % folds != fold]
        lens = _fit(others, board, size, model, start=fit.intrinsics).intrinsics
        misses = (view.corners - predicted(lens, view, board) for view in fit.views[fold::folds])
        squares.extend((miss**2).sum(axis=1) for miss in misses)
    return float(np.sqrt(np.mean(squares)))
