"""``egoclean-stream rectify SOURCE``: the rectified video alone."""

import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from stream.commands.command import BY_SIGNAL, command
from stream.commands.option import own_option
from stream.commands.options import LENS_PATHS, Chosen, run_options
from stream.commands.rectify_options import VideoChoice, video_options
from stream.commands.values import ClipName, PathName
from stream.errors import ExitCode
from stream.ui.progress import SECONDS, progress
from stream.ui.text import clock, count, print_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream.config import Options
    from stream.engines.batch import Outcome
    from stream.run.rectify import RectifyOptions
    from stream.ui.screen import Screen

_FILE = PathName()
_EXAMPLES = (
    ("Rectify one clip", "rectify clip.mp4 --intrinsics lens.json"),
    ("Its second minute alone", "rectify clip.mp4 --from 60 --to 120"),
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
    *LENS_PATHS,
    "input.cache_source",
    "clips.fail_fast",
    "runtime.offline",
    "output.overwrite",
)
@video_options
def rectify(sources: tuple[str, ...], *, out: Path, chosen: Chosen, video: VideoChoice) -> None:
    """Write the rectified video of each SOURCE.

    SOURCE is a video, shard.tar::member.mp4, a tar, or a folder of clips or tars, local or on Hugging Face
    (hf://datasets/OWNER/NAME/PATH), a quoted pattern, or @list.txt. For each clip, OUT gets <clip>_rectified.mp4,
    <clip>_intrinsics.json (the equivalent pinhole camera) and <clip>_mask.png (white where the picture has content).

    Every frame keeps its own timestamp, from the first one on. The video is fit for training code, which seeks: cuts
    are exact to the frame, keyframes are at most half a second apart, and no frame refers to a later one. It is 8-bit
    4:2:0, even if the clip has more, keeps the clip's colour tags, and has no sound. Results that exist already, of the
    same clip with the same options, are kept.
    """
    import cv2

    from stream.engines.batch import run_clips
    from stream.ui.screen import make_screen, standard_console

    cv2.setNumThreads(1)  # frames are rectified side by side, not each by many threads
    options = chosen.options(sources[0])
    settings, download = _settings(out, options, video), options.input.cache_source
    console = standard_console()
    with make_screen(console) as screen:
        job = partial(rectify_clip, settings=settings, console=console, screen=screen, download=download)
        code = run_clips(
            sources,
            job,
            screen.line,
            download=download,
            fail_fast=options.clips.fail_fast,
            show_progress=screen.series,
            overwrite=settings.overwrite,
        )
    sys.exit(code)


def _settings(out: Path, options: "Options", video: VideoChoice) -> "RectifyOptions":
    from stream.geometry.camera import RectifiedView
    from stream.run.rectify import RectifyOptions
    from stream.video.writer import Coding

    lens = options.lens
    return RectifyOptions(
        out,
        lens.intrinsics,
        lens.preset,
        RectifiedView(lens.balance, lens.fov_scale, lens.new_camera),
        video.longest_px,
        Coding(video.codec, video.crf, video.preset, b_frames=False),
        video.gop_s,
        video.t_from_s,
        video.t_to_s,
        overwrite=options.output.overwrite,
    )


def rectify_clip(
    clip: str, settings: "RectifyOptions", console: Console, screen: "Screen", *, download: bool = False
) -> "Outcome":
    """Rectify one clip, and show its progress and result."""
    from stream.engines.batch import Outcome
    from stream.geometry.lenses.presets import PRESET
    from stream.run.rectify import rectify as write_rectified
    from stream.sources.sidecar import read_sidecar
    from stream.sources.table import open_clip
    from stream.video.container import read_facts

    source = open_clip(clip, download=download)
    facts = read_facts(source)
    if (sidecar := read_sidecar(source, facts)) and sidecar.warning:
        print_line(console, sidecar.warning)
    with shown_position(console, screen, source.stem, settings.t_to_s or facts.declared_s) as show:
        done = write_rectified(source, settings, show)
    if done.already_written:
        message = f"nothing to do: {done.output.video} exists already, from this clip and with these options"
        print_line(console, message)
        return Outcome(clip, ExitCode.DONE, message)
    for damage in done.damage:
        span = f"{clock(damage.t_start_s)} to {clock(damage.t_end_s)}"
        print_line(console, f"source damaged  {span}, {count(damage.packets, 'packet')} lost: {damage.reason}")
    lens = f" (lens: {PRESET} {settings.preset})" if settings.preset else ""
    message = f"{count(done.frames, 'frame')}, {clock(done.t_end_s)}, to {done.output.video}{lens}"
    print_line(console, message)
    return Outcome(clip, ExitCode.PARTIAL if done.damage else ExitCode.DONE, message, done.t_end_s)


@contextmanager
def shown_position(
    console: Console, screen: "Screen", name: str, duration_s: float | None
) -> "Iterator[Callable[[float], None]]":
    """Show how far a clip is, in seconds: in a terminal by a bar above that of all clips."""
    if not console.is_interactive:
        with progress(console, name, SECONDS, duration_s) as job:
            yield job.update
        return
    view, began_at = screen.view(name), time.monotonic()
    try:
        yield lambda t_s: view.progress(t_s, duration_s, t_s / max(time.monotonic() - began_at, 1e-3))
    finally:
        view.close()
