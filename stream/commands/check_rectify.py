"""``egoclean-stream check-rectify CLIP``: see whether a calibration fits, before anything is run."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import ClipName, PathName, Real
from stream.errors import ExitCode, IntrinsicsError, SourceError, UsageError
from stream.records.schema.options import LONGEST_SOURCE_S
from stream.ui.standard_streams import echo

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

    from stream.sources.clip import Clip

_PICTURES = {".jpg", ".jpeg", ".png"}
_ROUNDING_S = 1e-6
_FILE = PathName()


_EXAMPLES = (("Compare the frame at 10 s", "check-rectify clip.mp4 --intrinsics lens.json --at 10"),)
_CODES = (ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.INTERNAL)


@command("check-rectify", examples=_EXAMPLES, exit_codes=_CODES)
@click.argument("clip", type=ClipName())
@run_options("lens.intrinsics", "lens.balance", "lens.fov_scale", "input.cache_source", "runtime.offline")
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
    default=0.0,
    show_default=True,
    help="Position in the clip, in seconds.",
)
def check_rectify(chosen: Chosen, clip: str, *, out: Path, at_s: float) -> None:
    """Save a side-by-side image of one frame of CLIP before and after rectification.

    CLIP is a video, shard.tar::member.mp4, or a picture (jpg, png), local or remote
    (hf://datasets/OWNER/NAME/PATH). A straight grid is drawn over both halves: straight lines in the world must be
    straight on the right. Hatching marks what the camera did not record.
    """
    from stream.geometry.calibration_sheet import CalibrationSheet
    from stream.geometry.calibrations.table import read_calibration
    from stream.geometry.camera import fit_camera
    from stream.geometry.frame_format import frame_format_of
    from stream.geometry.frame_remap import encode_picture
    from stream.sources.table import open_clip

    options = chosen.options(clip)
    lens = options.lens
    source = open_clip(clip, download=options.input.cache_source)
    path = lens.intrinsics or source.intrinsics_path()
    if path is None:
        raise IntrinsicsError(
            f"there is no intrinsics.json beside {source.file.name}: name the calibration with --intrinsics FILE"
        )
    calibration = read_calibration(path).intrinsics
    is_picture = source.member is None and Path(source.file.name).suffix.lower() in _PICTURES
    frame = _picture(source) if is_picture else _frame_at(source, at_s)
    size = frame_format_of(frame).upright_size
    sheet = CalibrationSheet(frame, fit_camera(calibration, *size, lens.balance, lens.fov_scale))
    title = source.stem if is_picture else f"{source.stem}  ·  {at_s:.2f} s"
    drawn = sheet.draw(title, f"balance {lens.balance:g}  ·  fov scale {lens.fov_scale:g}")
    _write(out, encode_picture(drawn, ".png"))
    echo(f"{out}: {sheet.summary}")


def _picture(source: "Clip") -> "av.VideoFrame":
    import av
    import cv2
    import numpy as np

    with source.open() as file:
        picture = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR_BGR)
    if picture is None:
        raise SourceError(f"{source.name} is not a picture that can be read; give a jpg, a png or a video")
    return av.VideoFrame.from_ndarray(np.asarray(picture, np.uint8), format="bgr24")


def _frame_at(source: "Clip", at_s: float) -> "av.VideoFrame":
    """The first frame at or after ``at_s``, seconds from the clip's first frame."""
    import av

    from stream.video.container import open_stream

    found = None
    with open_stream(source) as (container, stream), suppress(av.FFmpegError, OSError):
        found = next(_frames(container, stream), None)
        if found is not None and at_s > 0.0:
            wanted_s = (found.time or 0.0) + at_s
            found = None
            container.seek(round(wanted_s * av.time_base))
            later = (frame for frame in _frames(container, stream) if (frame.time or 0.0) >= wanted_s - _ROUNDING_S)
            found = next(later, None)
    if found is None:
        raise SourceError(f"{source.name} has no frame that can be decoded at or after {at_s:g} s; try an earlier --at")
    return found


def _frames(container: "InputContainer", stream: "av.VideoStream") -> "Iterator[av.VideoFrame]":
    """Frames that can be decoded from here on; damaged packets are skipped."""
    import av

    from stream.video.container import demuxed

    for packet in demuxed(container, stream):
        with suppress(av.FFmpegError):
            yield from packet.decode()


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"--out {path} cannot be written: {error.strerror}") from error
