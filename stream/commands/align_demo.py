"""``egoclean-stream align demo``: an alignment of a rendered episode."""

import sys
from pathlib import Path
from typing import Final

from stream.commands.command import ALL_CODES, command
from stream.commands.option import own_option
from stream.commands.values import Choice, PathName, Whole
from stream.ui.text import print_line

_SCENES: Final = ("bench", "aisle", "shelf", "in-hand")


@command(examples=(("A worker's shelf, and 3 s of it", "align demo --scene shelf --frames 30"),), exit_codes=ALL_CODES)
@own_option(
    "-o",
    "--out",
    type=PathName(),
    default=Path("align_demo"),
    show_default=True,
    help="Folder for the episode and the results.",
)
@own_option("--scene", type=Choice(list(_SCENES)), default="bench", show_default=True, help="What is rendered.")
@own_option("--frames", type=Whole(1, 10_000), default=30, show_default=True, help="How many, 10 a second.")
@own_option("--width", type=Whole(64, 3840), default=480, show_default=True, help="Of the pictures, pixels; 16:9.")
def demo(*, out: Path, scene: str, frames: int, width: int) -> None:
    """Align a rendered episode, whose depth is exact.

    Writes OUT/episodes/SCENE.hdf5, with depth, and OUT/camera.json, aligns the episode to a camera that is 7 cm lower,
    into OUT/aligned, and prints commands to look at the result. Nothing is downloaded. Earlier files are replaced.
    """
    from stream.alignment.options import AlignOptions
    from stream.demo.episode import camera_json, render_episode
    from stream.engines.align import align_places
    from stream.run.align_source import episodes_at
    from stream.ui.progress import PICTURES, progress
    from stream.ui.screen import standard_console

    console = standard_console()
    episode, camera_file = out / "episodes" / f"{scene}.hdf5", out / "camera.json"
    episode.parent.mkdir(parents=True, exist_ok=True)
    with progress(console, f"rendering {scene}", PICTURES) as job:
        camera = render_episode(episode, scene, frames, width, lambda done: job.update(done, frames))
    camera_file.write_text(camera_json(camera), encoding="utf-8")
    print_line(console, f"{frames} frames of {scene}, with depth: {episode}; their camera: {camera_file}")
    options = AlignOptions(
        output_dir=out / "aligned",
        movement_distance_m=0.07,
        intrinsics=camera_file,
        depth_key="depth",
        save_h5=True,
        overwrite=True,
        offline=True,
    )
    code = align_places(episodes_at(episode), options, 1)
    aligned = out / "aligned" / f"{scene}.h5"
    print_line(console, f"look at it: egoclean-stream align compare {episode} {aligned} -o {out / 'compare'}")
    sys.exit(code)
