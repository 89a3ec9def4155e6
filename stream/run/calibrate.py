"""Calibrates a lens from a video, or pictures, of a chessboard."""

import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import cv2
import numpy as np

from stream.errors import SourceError, UsageError
from stream.geometry.board.fit import VIEWS_MIN, BoardFit, BoardModel, fit_board
from stream.geometry.board.view import Board, BoardView, choose_views, coverage, find_board, sharpness
from stream.geometry.frame_format import frame_format_of
from stream.pipeline.items import Picture, UInt8
from stream.pipeline.stage import drive
from stream.records.store.atomic import replace_file
from stream.run.picture_file import PICTURE_ENDINGS, is_picture, read_picture
from stream.sources.clip import Clip
from stream.sources.discover import list_clips
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.packets import packets

_VIEWS_MAX: Final = 40
"""More make a fit slower, and no better."""
_LOOKED_AT_MAX: Final = 240
"""Frames of a clip in which the board is looked for."""
_INTERVAL_MIN_S: Final = 0.2

OnProgress = Callable[[float], None]
"""Called with the number of pictures in which the board was looked for."""


@dataclass(frozen=True, eq=False, slots=True)
class LensCalibration:
    """A lens, and the views that it was fitted to."""

    fit: BoardFit
    board: Board
    size: tuple[int, int]
    """Width and height of the pictures, pixels."""
    looked_at: int
    """Pictures in which the board was looked for."""
    found: int
    """Pictures in which it was found."""

    @property
    def coverage(self) -> float:
        """Share of the picture that the board covered in some view."""
        return float((coverage(self.fit.views, *self.size) > 0).mean())

    def write(self, path: Path) -> None:
        """Write ``intrinsics.json``, with the facts of the calibration beside the keys that are read."""
        fit = self.fit
        facts = {
            "board": str(self.board),
            "square_mm": self.board.square_mm,
            "views": len(fit.views),
            "views_left_out": [view.name for view in fit.left_out],
            "rms_px": round(fit.rms_px, 4),
            "held_out_rms_px": round(fit.held_out_rms_px, 4),
            "coverage": round(self.coverage, 3),
            "opencv": cv2.__version__,
        }
        content = {**fit.intrinsics.model_dump(), "calibration": facts}
        replace_file(path, (json.dumps(content, indent=1) + "\n").encode())


def board_files(spec: str) -> list[str]:
    """The files that an argument stands for: of a folder, or a tar that is not compressed, its pictures, or, if it has
    none, its videos; of a folder on the hub its videos.

    Raises:
        SourceError: it holds none.
    """
    folder = Path(spec)
    if folder.is_dir():
        pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS)
        if pictures:
            return [str(path) for path in pictures]
    elif pictures_in_tar := _pictures_in_tar(folder):
        return [f"{spec}::{name}" for name in pictures_in_tar]
    listed = list_clips([spec]).clips
    clips = [clip.spec for clip in listed if not clip.fault]
    if not clips and (faults := [clip.fault for clip in listed if clip.fault]):
        raise faults[0]
    return clips


def _pictures_in_tar(path: Path) -> list[str]:
    """The names of the pictures in it; none if it is no tar, or compressed: its members cannot be read in place."""
    try:
        with tarfile.open(path, "r:") as tar:
            return sorted(member.name for member in tar if member.isfile() and _is_picture_name(member.name))
    except (OSError, tarfile.TarError):  # what is wrong with it is said by whoever reads it as a video
        return []


def _is_picture_name(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".")


def calibrate(
    sources: Sequence[Clip], board: Board, models: Sequence[BoardModel], progress: OnProgress
) -> LensCalibration:
    """Fit a lens to the views of a board in clips and pictures of one size.

    Raises:
        SourceError: a source cannot be read, or the board is found in too few pictures.
        UsageError: the sources differ in size.
        IntrinsicsError: no lens fits the views.
    """
    views: list[BoardView] = []
    size: tuple[int, int] | None = None
    looked_at = 0
    for source in sources:
        for name, gray in _pictures(source):
            size = size or (gray.shape[1], gray.shape[0])
            if (gray.shape[1], gray.shape[0]) != size:
                raise UsageError(
                    f"{source.name} has {gray.shape[1]}x{gray.shape[0]} pixels, the one before {size[0]}x{size[1]}: "
                    "give videos or pictures of one size"
                )
            looked_at += 1
            progress(looked_at)
            if (view := find_board(gray, board, name)) is not None:
                views.append(view)
    width, height = size or (1, 1)
    chosen = choose_views(views, board, width, _VIEWS_MAX)
    if len(chosen) < VIEWS_MIN:
        raise SourceError(_too_few(board, looked_at, len(views), len(chosen)))
    fit = fit_board(chosen, board, (width, height), models)
    return LensCalibration(fit, board, (width, height), looked_at, len(views))


def _too_few(board: Board, looked_at: int, found: int, distinct: int) -> str:
    what = f"the board with {board} inner corners was found in {found} of {looked_at} pictures"
    different = f", {distinct} of them different" if found > distinct else ""
    return (
        f"{what}{different}, and at least {VIEWS_MIN} different views are needed: count the inner corners for --board, "
        "and show the whole board, flat and sharp, at the picture's sides and corners, and tilted"
    )


def _pictures(source: Clip) -> Iterator[tuple[str, UInt8]]:
    """Names and (height, width) uint8 grey pictures: a picture itself, or the sharpest frame of each stretch."""
    if is_picture(source):
        yield (
            Path(source.member or source.file.name).name,
            np.asarray(cv2.cvtColor(read_picture(source), cv2.COLOR_BGR2GRAY), np.uint8),
        )
        return
    facts = read_facts(source)
    interval_s = max(_INTERVAL_MIN_S, (facts.declared_s or 0.0) / _LOOKED_AT_MAX)
    best: tuple[float, float, UInt8] | None = None
    stretch = 0
    for item in drive(Decode(source.name, facts), packets(source)):
        if not isinstance(item, Picture):
            continue
        gray = _upright_gray(item)
        if best is not None and int(item.t_s / interval_s) != stretch:
            yield f"{best[1]:.2f} s", best[2]
            best = None
        stretch = int(item.t_s / interval_s)
        sharp = sharpness(gray)
        if best is None or sharp > best[0]:
            best = sharp, item.t_s, gray
    if best is not None:
        yield f"{best[1]:.2f} s", best[2]


def _upright_gray(picture: Picture) -> UInt8:
    gray = picture.frame.to_ndarray(format="gray")
    return np.ascontiguousarray(np.rot90(gray, frame_format_of(picture.frame).quarter_turns), np.uint8)
