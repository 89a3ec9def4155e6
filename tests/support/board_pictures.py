"""Pictures of a chessboard as a lens shows it."""

from typing import Final

import cv2
import numpy as np

from stream.geometry.board.view import Board, BoardView
from stream.geometry.intrinsics import Intrinsics
from stream.pipeline.items import Float64, UInt8

_DARK, _WALL, _LIGHT = 30, 120, 225
_SAMPLES: Final = 3
"""Along either side of a pixel."""
Pose = Float64
"""(6,) rotation vector, radians, and translation, mm, of the board."""


def poses(count: int, board: Board, *, reach: float, seed: int = 0) -> list[Pose]:
    """Poses all over the picture; ``reach`` is the tangent of the angle to the farthest centre of a board."""
    rng = np.random.default_rng(seed)
    middle = np.append(board.points().mean(axis=0)[:2], 0.0)
    found = []
    for number in range(count):
        angle, distance = 2.4 * number, board.columns * board.square_mm * rng.uniform(1.1, 1.6)
        place = reach * np.sqrt((number + 0.5) / count) * np.array([np.cos(angle), np.sin(angle)])
        turn = np.array([*rng.uniform(-0.5, 0.5, 2), rng.uniform(-0.3, 0.3)])
        centre = distance * np.append(place, 1.0)
        found.append(np.concatenate([turn, centre - cv2.Rodrigues(turn)[0] @ middle]))
    return found


def exact_view(lens: Intrinsics, board: Board, pose: Pose, name: str = "") -> BoardView:
    """The corners at which the lens shows the board."""
    camera = board.points() @ cv2.Rodrigues(pose[:3])[0].T + pose[3:]
    pixels = lens.project(camera[:, :2] / camera[:, 2:]) * [lens.fx, lens.fy] + [lens.cx, lens.cy]
    return BoardView(name, np.asarray(pixels, np.float64))


def board_picture(lens: Intrinsics, board: Board, pose: Pose) -> UInt8:
    """(height, width, 3) uint8: the board, with a white margin, before a grey wall."""
    width, height = lens.image_width, lens.image_height
    fine = (np.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5
    across = (np.arange(width)[:, None] + fine).ravel()
    down = (np.arange(height)[:, None] + fine).ravel()
    pixels = np.stack(np.meshgrid(across, down), axis=-1)
    rays = lens.unproject(((pixels - [lens.cx, lens.cy]) / [lens.fx, lens.fy]).reshape(-1, 2)).reshape(pixels.shape)
    directions = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=-1)
    rotation = cv2.Rodrigues(pose[:3])[0]
    normal = rotation[:, 2]
    depth = (normal @ pose[3:]) / (directions @ normal)
    squares = ((directions * depth[..., None] - pose[3:]) @ rotation)[..., :2] / board.square_mm
    column, row = np.floor(squares[..., 0]).astype(int), np.floor(squares[..., 1]).astype(int)
    inside = (column >= -1) & (column < board.columns) & (row >= -1) & (row < board.rows)
    margin = (np.abs(squares - np.array([board.columns - 1, board.rows - 1]) / 2) < [
        board.columns / 2 + 1, board.rows / 2 + 1,
    ]).all(axis=-1)  # fmt: skip
    shade = np.where(inside, np.where((column + row) % 2, _LIGHT, _DARK), np.where(margin, _LIGHT, _WALL))
    shade = np.where(depth > 0, shade, _WALL)
    small = shade.reshape(height, _SAMPLES, width, _SAMPLES).mean(axis=(1, 3))
    return np.repeat(small.round().astype(np.uint8)[..., None], 3, axis=2)
