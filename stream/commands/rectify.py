"""``egoclean-stream rectify SOURCE``: the rectified video alone."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from stream.commands.lens_options import lens_options
from stream.commands.source_options import download_option
from stream.errors import ExitCode
from stream.ui.progress import SECONDS, progress
from stream.ui.text import clock, print_line

if TYPE_CHECKING:
    from stream.engines.batch import Outcome
    from stream.run.rectify import Wish
    from stream.video.writer import Codec

_FILE = click.Path(path_type=Path)
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")


@click.command(epilog="Exit codes: 0 done, 2 usage, 3 input, 4 done but damaged, 6 no room, 130/143 stopped.")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--out", type=_FILE, default=Path("rectified"), show_default=True, help="Folder for what is made.")
@lens_options
@download_option
@click.option("--codec", type=click.Choice(["hevc", "h264"]), default="hevc", show_default=True, help="Of the video.")
@click.option(
    "--crf", type=click.FloatRange(0.0, 51.0), default=20.0, show_default=True, help="Quality: lower is better."
)
@click.option(
    "--preset", type=click.Choice(_PRESETS), default="fast", show_default=True, help="Slower makes smaller files."
)
@click.option("--longest-px", type=click.IntRange(min=32), help="Longest side of the video.  [default: the clip's own]")
@click.option("--overwrite", is_flag=True, help="Replace what an earlier call has made.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first clip that cannot be done.")
def rectify(
    sources: tuple[str, ...],
    *,
    out: Path,
    intrinsics: Path | None,
    codec: "Codec",
    crf: float,
    preset: str,
    longest_px: int | None,
    balance: float,
    fov_scale: float,
    download: bool,
    overwrite: bool,
    fail_fast: bool,
) -> None:
    """Write the rectified video of each SOURCE.

    SOURCE is a video, shard.tar::member.mp4, a whole tar, a folder with clips or tars, here or on the hub
    (hf://datasets/OWNER/NAME/PATH), a quoted pattern, or @list.txt. For each clip OUT gets <clip>_rectified.mp4,
    <clip>_intrinsics.json (the pinhole camera it looks to be taken with) and <clip>_mask.png (white where its pictures
    show something). Every frame keeps its own time, from 0 on; the video has 8 bits and 4:2:0, also where the clip has
    more, and the clip's colour tags. What is there already, of the same clip and with the same options, is not made
    again.
    """
    import cv2

    from stream.engines.batch import run_named
    from stream.run.rectify import Wish
    from stream.video.writer import Coding

    cv2.setNumThreads(1)  # frames are rectified side by side, not each by many threads
    wish = Wish(out, intrinsics, balance, fov_scale, longest_px, Coding(codec, crf, preset), overwrite)
    console = Console()
    job = partial(rectify_clip, wish=wish, console=console, download=download)
    sys.exit(run_named(sources, job, partial(print_line, console), download=download, fail_fast=fail_fast))


def rectify_clip(clip: str, wish: "Wish", console: Console, *, download: bool = False) -> "Outcome":
    """Rectify one clip, showing how far it is and what came of it."""
    from stream.engines.batch import Outcome
    from stream.run.rectify import rectify as write_rectified
    from stream.sources.sidecar import read_sidecar
    from stream.sources.table import open_clip
    from stream.video.container import read_facts

    source = open_clip(clip, download=download)
    facts = read_facts(source)
    if (sidecar := read_sidecar(source, facts)) and sidecar.complaint:
        print_line(console, sidecar.complaint)
    with progress(console, source.stem, SECONDS, facts.declared_s) as job:
        done = write_rectified(source, wish, job.update)
    if done.was_there:
        says = f"nothing to do: {done.output.video} is there, of this clip and with these options"
        print_line(console, says)
        return Outcome(clip, ExitCode.DONE, says)
    for damage in done.damage:
        span = f"{clock(damage.t_start_s)} to {clock(damage.t_end_s)}"
        print_line(console, f"source damaged  {span}, {damage.packets} packets lost: {damage.reason}")
    says = f"{done.frames} frames, {clock(done.t_end_s)}, to {done.output.video}"
    print_line(console, says)
    return Outcome(clip, ExitCode.PARTIAL if done.damage else ExitCode.DONE, says, done.t_end_s)
