"""``egoclean-stream check-rectify CLIP``: see whether a calibration fits, before anything is run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.options import LENS_PATHS, Chosen, run_options
from stream.commands.values import Choice, ClipName, PathName, Real, Whole
from stream.errors import ExitCode, IntrinsicsError, UsageError
from stream.records.schema.options import LONGEST_SOURCE_S
from stream.ui.standard_streams import echo

if TYPE_CHECKING:
    from stream.sources.clip import Clip
    from stream.video.frame_choice import TimedFrame

_FILE = PathName()
_SEPARATOR = "  ·  "


_EXAMPLES = (
    ("Four frames of a clip, for a paper", "check-rectify clip.mp4 --frames 4 --theme light"),
    ("The frame at 10 s, with another calibration", "check-rectify clip.mp4 --intrinsics lens.json --at 10"),
)
_CODES = (ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.INTERNAL)


@command("check-rectify", examples=_EXAMPLES, exit_codes=_CODES)
@click.argument("clip", type=ClipName())
@run_options(
    *LENS_PATHS,
    "input.cache_source",
    "runtime.offline",
)
@own_option(
    "-o",
    "--out",
    type=_FILE,
    default=Path("check-rectify.png"),
    show_default=True,
    help="PNG file to write; its folder is created.",
)
@own_option(
    "--at",
    "at_s",
    type=Real(0.0, LONGEST_SOURCE_S),
    show_default="the most detailed of a few frames",
    help="Position in the clip, in seconds.",
)
@own_option(
    "--frames",
    type=Whole(1, 16),
    default=1,
    show_default=True,
    help="Number of frames, spread over the clip; not with --at.",
)
@own_option("--theme", type=Choice(["dark", "light"]), default="dark", show_default=True, help="Colours of the sheet.")
def check_rectify(chosen: Chosen, clip: str, *, out: Path, at_s: float | None, frames: int, theme: str) -> None:
    """Save a side-by-side image of frames of CLIP before and after rectification.

    CLIP is a video, shard.tar::member.mp4, or a picture (jpg, png), local or remote
    (hf://datasets/OWNER/NAME/PATH). A straight grid is drawn over both halves: straight lines in the world must be
    straight on the right. The orange square is the encoder frame, all that the encoder sees of a frame; hatching marks
    what the camera did not record.
    """
    from stream.geometry.calibration_sheet import CalibrationSheet
    from stream.geometry.calibrations.chosen import chosen_calibration
    from stream.geometry.camera import fit_camera
    from stream.geometry.frame_format import frame_format_of
    from stream.geometry.frame_remap import encode_picture
    from stream.geometry.sheet_theme import SHEET_THEMES
    from stream.run.picture_file import is_picture
    from stream.sources.table import open_clip

    if at_s is not None and frames > 1:
        raise UsageError(f"--at {at_s:g} shows one frame, --frames {frames} chooses several: give one of them")
    options = chosen.options(clip)
    lens = options.lens
    source = open_clip(clip, download=options.input.cache_source)
    has_times = not is_picture(source)
    if not has_times and (at_s is not None or frames > 1):
        given = f"--frames {frames}" if at_s is None else f"--at {at_s:g}"
        raise UsageError(f"{given} chooses from the frames of a clip, and {source.name} is a picture: leave it out")
    shown = _frames(source, at_s, frames) if has_times else [_picture(source)]
    size = frame_format_of(shown[0].frame).upright_size
    calibration = chosen_calibration(lens.preset, lens.intrinsics, source.intrinsics_path(), size)
    if calibration is None:
        raise IntrinsicsError(
            f"there is no intrinsics.json beside {source.file.name}: name the calibration with --intrinsics FILE, "
            "or an approximate one with --lens"
        )
    camera = fit_camera(calibration.intrinsics, *size, lens.balance, lens.fov_scale, lens.new_camera)
    sheet = CalibrationSheet(size, camera, SHEET_THEMES[theme], is_small=len(shown) > 1)
    approximate = [calibration.format] if calibration.is_approximate else []
    settings = [*approximate, f"--balance {lens.balance:g}", f"--fov-scale {lens.fov_scale:g}"]
    times = [f"{each.t_s:.2f} s" for each in shown]
    about = [times[0] if len(shown) == 1 else f"{len(shown)} frames"] if has_times else []
    labels = times if len(shown) > 1 else [""]
    rows = [(label, each.frame) for label, each in zip(labels, shown, strict=True)]
    drawn = sheet.draw(_SEPARATOR.join([source.stem, *about]), _SEPARATOR.join(settings), rows)
    _write(out, encode_picture(drawn, ".png"))
    at = [f"at {', '.join(times)}"] if has_times else []
    echo(f"{out}: {_SEPARATOR.join([*approximate, sheet.summary, *at])}")


def _frames(source: "Clip", at_s: float | None, count: int) -> "list[TimedFrame]":
    from stream.video.frame_choice import detailed_frames, frame_at

    return detailed_frames(source, count) if at_s is None else [frame_at(source, at_s)]


def _picture(source: "Clip") -> "TimedFrame":
    import av

    from stream.run.picture_file import read_picture
    from stream.video.frame_choice import TimedFrame

    return TimedFrame(0.0, av.VideoFrame.from_ndarray(read_picture(source), format="bgr24"))


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"--out {path} cannot be written: {error.strerror}") from error
