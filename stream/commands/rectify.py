"""``egoclean-stream rectify SOURCE``: the rectified video alone."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from stream.commands.command import BY_SIGNAL, command
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import Choice, ClipName, PathName, Real, Whole
from stream.errors import ExitCode
from stream.ui.progress import SECONDS, progress
from stream.ui.text import clock, print_line

if TYPE_CHECKING:
    from stream.engines.batch import Outcome
    from stream.run.rectify import RectifyOptions
    from stream.video.writer import Codec

_FILE = PathName()
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")


_EXAMPLES = (
    ("Rectify one clip", "rectify clip.mp4 --intrinsics lens.json"),
    ("Every clip of a folder, as small files", "rectify clips/ --out small --longest-px 640 --preset slow"),
)
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.PARTIAL, ExitCode.NO_ROOM, ExitCode.INTERNAL,
    *BY_SIGNAL,
)  # fmt: skip


@command(examples=_EXAMPLES, exit_codes=_CODES, never_waits=True)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=ClipName())
@own_option("-o", "--out", type=_FILE, default=Path("rectified"), show_default=True, help="Folder for the results.")
@run_options(
    "lens.intrinsics",
    "lens.balance",
    "lens.fov_scale",
    "input.cache_source",
    "clips.fail_fast",
    "runtime.offline",
    "output.overwrite",
)
@own_option("--codec", type=Choice(["hevc", "h264"]), default="hevc", show_default=True, help="Video codec.")
@own_option(
    "--crf", type=Real(0.0, 51.0), default=20.0, show_default=True, help="Constant rate factor: lower is better."
)
@own_option(
    "--preset",
    type=Choice(_PRESETS),
    default="fast",
    show_default=True,
    metavar="PRESET",
    help="Encoder preset, from ultrafast to placebo: slower ones make smaller files.",
)
@own_option(
    "--longest-px", type=Whole(32, 16384), show_default="the clip's own", help="Longest side of the video, in pixels."
)
def rectify(
    sources: tuple[str, ...],
    *,
    out: Path,
    chosen: Chosen,
    codec: "Codec",
    crf: float,
    preset: str,
    longest_px: int | None,
) -> None:
    """Write the rectified video of each SOURCE.

    SOURCE is a video, shard.tar::member.mp4, a tar, or a folder of clips or tars, local or on Hugging Face
    (hf://datasets/OWNER/NAME/PATH), a quoted pattern, or @list.txt. For each clip, OUT gets <clip>_rectified.mp4,
    <clip>_intrinsics.json (the equivalent pinhole camera) and <clip>_mask.png (white where the picture has content).

    Every frame keeps its own timestamp, starting at 0. The video is 8-bit 4:2:0, even if the clip has more, and keeps
    the clip's colour tags. Results that exist already, of the same clip with the same options, are kept.
    """
    import cv2

    from stream.engines.batch import run_clips
    from stream.run.rectify import RectifyOptions
    from stream.video.writer import Coding

    cv2.setNumThreads(1)  # frames are rectified side by side, not each by many threads
    options = chosen.options(sources[0])
    lens, download = options.lens, options.input.cache_source
    coding, overwrite = Coding(codec, crf, preset), options.output.overwrite
    settings = RectifyOptions(out, lens.intrinsics, lens.balance, lens.fov_scale, longest_px, coding, overwrite)
    console = Console()
    job = partial(rectify_clip, settings=settings, console=console, download=download)
    write_line, fail_fast = partial(print_line, console), options.clips.fail_fast
    sys.exit(run_clips(sources, job, write_line, download=download, fail_fast=fail_fast, overwrite=overwrite))


def rectify_clip(clip: str, settings: "RectifyOptions", console: Console, *, download: bool = False) -> "Outcome":
    """Rectify one clip, and show its progress and result."""
    from stream.engines.batch import Outcome
    from stream.run.rectify import rectify as write_rectified
    from stream.sources.sidecar import read_sidecar
    from stream.sources.table import open_clip
    from stream.video.container import read_facts

    source = open_clip(clip, download=download)
    facts = read_facts(source)
    if (sidecar := read_sidecar(source, facts)) and sidecar.warning:
        print_line(console, sidecar.warning)
    with progress(console, source.stem, SECONDS, facts.declared_s) as job:
        done = write_rectified(source, settings, job.update)
    if done.already_written:
        message = f"nothing to do: {done.output.video} exists already, from this clip and with these options"
        print_line(console, message)
        return Outcome(clip, ExitCode.DONE, message)
    for damage in done.damage:
        span = f"{clock(damage.t_start_s)} to {clock(damage.t_end_s)}"
        print_line(console, f"source damaged  {span}, {damage.packets} packets lost: {damage.reason}")
    message = f"{done.frames} frames, {clock(done.t_end_s)}, to {done.output.video}"
    print_line(console, message)
    return Outcome(clip, ExitCode.PARTIAL if done.damage else ExitCode.DONE, message, done.t_end_s)
