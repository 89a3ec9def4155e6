"""A chessboard, its corners in a picture, and the choice of pictures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from stream.errors import UsageError
from stream.pipeline.items import Float64, UInt8

_SIZE: Final = re.compile(r"(\d{1,2})x(\d{1,2})")
_DISTINCT: Final = 0.02
"""Views whose outer corners all differ by less than this share of the picture's width count as one."""
_FLAGS: Final = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY


@dataclass(frozen=True, slots=True)
class Board:
    """A chessboard."""

    columns: int
    """Inner corners in a row: one less than the squares."""
    rows: int
    square_mm: float = 25.0
    """Side of a square; it scales the distances of the views, and no lens depends on it."""

    @staticmethod
    def parse(text: str, square_mm: float) -> "Board":
        """A board from text such as ``9x6``.

        Raises:
            UsageError: it is no such text.
        """
        found = _SIZE.fullmatch(text)
        columns, rows = map(int, found.groups()) if found else (0, 0)
        if min(columns, rows) < 3:
            raise UsageError(
                f"--board {text}: must be the board's inner corners, at least 3x3, such as 9x6 for 10x7 squares"
            )
        return Board(columns, rows, square_mm)

    def points(self) -> Float64:
        """(columns * rows, 3) corners on the board, mm, row by row."""
        across, down = np.meshgrid(np.arange(float(self.columns)), np.arange(float(self.rows)))
        flat = np.stack([across, down, np.zeros_like(across)], axis=-1).reshape(-1, 3)
        return np.asarray(flat * self.square_mm, np.float64)

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"


@dataclass(frozen=True, eq=False, slots=True)
class BoardView:
    """The board in one picture."""

    name: str
    """The time in the clip, or the picture's file."""
    corners: Float64
    """(columns * rows, 2) pixels."""


def find_board(gray: UInt8, board: Board, name: str) -> BoardView | None:
    """Find all inner corners of the board in a (height, width) uint8 picture; None if they are not all there."""
    found, corners = cv2.findChessboardCornersSB(gray, (board.columns, board.rows), flags=_FLAGS)
    return BoardView(name, np.asarray(corners, np.float64).reshape(-1, 2)) if found else None


def sharpness(gray: UInt8) -> float:
    """How sharp a picture is: the variance of its Laplacian, at half size, where noise counts less."""
    half = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(half, cv2.CV_64F).var())


def choose_views(views: Sequence[BoardView], board: Board, width: int, most: int) -> list[BoardView]:
    """At most ``most`` views that differ as much as possible in place, size and tilt, in their order.

    Each next one is the one whose outer corners are the farthest from those of all that are chosen.
    """
    outer = [0, board.columns - 1, -board.columns, -1]
    shapes = np.array([np.sort_complex(view.corners[outer] @ [1.0, 1.0j]) for view in views]) / width
    chosen: list[int] = []
    distance = np.full(len(views), np.inf)
    while len(chosen) < min(most, len(views)):
        farthest = int(np.argmax(distance))
        if distance[farthest] < _DISTINCT:
            break
        chosen.append(farthest)
        distance = np.minimum(distance, np.abs(shapes - shapes[farthest]).max(axis=1))
    return [views[index] for index in sorted(chosen)]


def coverage(views: Sequence[BoardView], width: int, height: int) -> Float64:
    """(height / 8, width / 8): how many views show the board there."""
    count = np.zeros((max(1, height // 8), max(1, width // 8)))
    for view in views:
        hull = cv2.convexHull((view.corners / 8).astype(np.float32))
        mask = np.zeros(count.shape, np.uint8)
        cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 1)
        count += mask
    return np.asarray(count, np.float64)
