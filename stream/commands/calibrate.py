"""``egoclean-stream calibrate SOURCE... --board 9x6``: the calibration of a lens, from a chessboard."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

import click

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.values import Choice, ClipName, PathName, Real
from stream.errors import ExitCode, ModelUnavailableError, UsageError
from stream.ui.standard_streams import echo

if TYPE_CHECKING:
    from stream.geometry.board.fit import BoardModel
    from stream.run.calibrate import LensCalibration

_FILE = PathName()
_FEW_VIEWS, _LITTLE_COVERAGE = 12, 0.6
_MODELS: "Final[dict[str, tuple[BoardModel, ...]]]" = {
    "auto": ("fisheye", "pinhole"),
    "fisheye": ("fisheye",),
    "pinhole": ("pinhole",),
}
_EXAMPLES = (
    ("A video of a board with 10x7 squares", "calibrate board.mp4 --board 9x6"),
    ("A folder of pictures, as a fisheye", "calibrate board/ --board 9x6 --model fisheye\n--out lens.json"),
)
_CODES = (ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.NO_ROOM, ExitCode.INTERNAL)


@command(examples=_EXAMPLES, exit_codes=_CODES)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=ClipName())
@own_option("--board", required=True, metavar="COLUMNSxROWS", help="Inner corners of the board: 9x6 for 10x7 squares.")
@own_option(
    "--square-mm",
    type=Real(0.1, 10_000.0),
    default=25.0,
    show_default=True,
    help="Side of a square, for the record: the lens does not depend on it.",
)
@own_option(
    "--model",
    type=Choice(list(_MODELS)),
    default="auto",
    show_default=True,
    help="Lens model: fisheye (Kannala-Brandt), pinhole with distortion (Brown-Conrady), or the better of both.",
)
@own_option(
    "-o", "--out", type=_FILE, default=Path("intrinsics.json"), show_default=True, help="Calibration file to write."
)
@click.option("--overwrite", is_flag=True, help="Replace a calibration that exists.")
def calibrate(
    sources: tuple[str, ...], *, board: str, square_mm: float, model: str, out: Path, overwrite: bool
) -> None:
    """Calibrate a lens from a video or pictures of a chessboard.

    SOURCE is a video, a picture (jpg, png), a folder or a tar of either, or a folder on Hugging Face with videos
    (hf://datasets/OWNER/NAME/PATH); all must have one size. Record the camera's usual mode, move the board slowly
    through the whole picture, to its sides and corners, near and far, and tilt it. The sharpest frames with different
    views are taken, and views that do not fit are left out.

    Writes OUT, which run --intrinsics reads, and OUT_residuals.png, which shows by how much each corner misses the
    lens and where the board was (it needs matplotlib, the extra `plots`).
    """
    from rich.console import Console

    from stream.geometry.board.view import Board
    from stream.run.calibrate import board_files
    from stream.run.calibrate import calibrate as fit_lens
    from stream.sources.table import open_clip
    from stream.ui.progress import PICTURES, progress

    chessboard = Board.parse(board, square_mm)
    _require_writable(out, overwrite=overwrite)
    clips = [open_clip(file) for source in sources for file in board_files(source)]
    models = _MODELS[model]
    with progress(Console(stderr=True), "looking for the board", PICTURES, None) as job:
        done = fit_lens(clips, chessboard, models, job.update)
    done.write(out)
    picture = _draw(done, out)
    for line in _report(done):
        echo(line)
    echo(f"{out}{picture}")


def _require_writable(out: Path, *, overwrite: bool) -> None:
    """Before the work, which takes long."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(out) and not overwrite:
            raise UsageError(f"{out} exists already: give another --out, or replace it with --overwrite")
        if out.is_dir():
            raise UsageError(f"--out {out} is a folder: name a file")
        with NamedTemporaryFile(dir=out.parent, prefix=f"{out.name}."):
            """A file of nearly this name can be made there."""
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}") from error


def _draw(done: "LensCalibration", out: Path) -> str:
    """Draw the residuals, if matplotlib is there, and return what follows the calibration's name."""
    import numpy as np

    from exporters.figures.board_residuals import BoardResiduals, draw_board_residuals
    from exporters.figures.style import require_matplotlib
    from stream.geometry.board.view import coverage

    try:
        require_matplotlib()
    except ModelUnavailableError as error:
        return f" (no picture of the residuals: {error})"
    path = out.with_name(f"{out.stem}_residuals.png")
    fit = done.fit
    summary = (
        f"{fit.intrinsics.model}, RMS {fit.rms_px:.3f} px, on views not fitted {fit.held_out_rms_px:.3f} px, "
        f"{100 * done.coverage:.0f} % of the picture covered"
    )
    residuals = BoardResiduals(
        title=out.name,
        summary=summary,
        size=done.size,
        corners=np.concatenate([view.corners for view in fit.views]),
        residuals_px=fit.residuals_px.reshape(-1, 2),
        view_rms_px=fit.view_rms_px,
        held_out_rms_px=fit.held_out_rms_px,
        left_out=len(fit.left_out),
        coverage=coverage(fit.views, *done.size),
    )
    draw_board_residuals(residuals, path)
    return f" and {path}"


def _report(done: "LensCalibration") -> list[str]:
    """The result in lines, with what would make it better."""
    fit, lens = done.fit, done.fit.intrinsics
    low, high = fit.view_rms_px.min(), fit.view_rms_px.max()
    views = f"{len(fit.views)} views of {done.found} in {done.looked_at} pictures"
    left_out = f", {len(fit.left_out)} left out that do not fit" if fit.left_out else ""
    coefficients = ", ".join(f"{name} {getattr(lens, name):.5g}" for name in lens.COEFFICIENTS)
    lines = [
        f"{lens.model}: fx {lens.fx:.2f}, fy {lens.fy:.2f}, cx {lens.cx:.2f}, cy {lens.cy:.2f}, {coefficients}",
        f"{views}{left_out}; {100 * done.coverage:.0f} % of the picture covered",
        f"RMS {fit.rms_px:.3f} px ({low:.3f} to {high:.3f} a view), on views not fitted {fit.held_out_rms_px:.3f} px",
    ]
    if done.coverage < _LITTLE_COVERAGE:
        lines.append("the picture's margin is extrapolated: show the board at the sides and in the corners, too")
    if len(fit.views) < _FEW_VIEWS:
        lines.append(f"few views: {_FEW_VIEWS} or more make the lens certain")
    return lines
