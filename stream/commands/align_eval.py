"""``egoclean-stream align eval SOURCE --real ROBOT.png``: distances against pictures of the real robot camera."""

import json
import sys
from contextlib import closing
from pathlib import Path

import click
from rich.console import Console

from stream.alignment.options import AlignOptions
from stream.commands.align_options import chosen_distances, trial_options
from stream.commands.command import ALL_CODES, command
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import PathName
from stream.errors import UsageError

_PATH = PathName()
_PIPE_WIDTH = 160
_PICTURES = (".png", ".jpg", ".jpeg")


@command(
    "eval",
    examples=(
        (
            "One picture of the robot, of the moment of the first frame",
            (
                "align eval episode_0.hdf5 --real robot.png\n"
                "--distances 0.03,0.07,0.10 --intrinsics camera.json\n--target-camera robot.json --depth_key depth"
            ),
        ),
        (
            "Two pictures, with points that were marked in them",
            (
                "align eval episode_0.hdf5 --real robot_0.png robot_40.png\n"
                "--frames 0,40 --points points.json --distances 0.03,0.07\n"
                "--intrinsics camera.json --target-camera robot.json\n--depth_key depth --json"
            ),
        ),
    ),
    exit_codes=ALL_CODES,
)
@click.argument("source", type=_PATH)
@click.argument("more", metavar="", nargs=-1, type=_PATH)
@own_option(
    "--real", metavar="PICTURE...", type=_PATH, required=True, help="Pictures of the real robot camera, one a frame."
)
@own_option("--distances", metavar="M,M,...", required=True, help="Distances in metres, such as 0.03,0.07,0.10.")
@own_option(
    "--frames", metavar="N,N,...", show_default="0", help="The frame of each picture, in the order of the pictures."
)
@own_option(
    "--points", type=_PATH, metavar="FILE", help='JSON of points: {"cup": {"real": [x, y], "source": [x, y]}, ...}.'
)
@own_option("--json", "as_json", is_flag=True, help="Print one JSON object with the scores of every picture.")
@trial_options
@run_options("runtime.offline")
def evaluate(
    source: Path,
    more: tuple[Path, ...],
    *,
    real: Path,
    distances: str,
    frames: str | None,
    points: Path | None,
    as_json: bool,
    options: AlignOptions,
    chosen: Chosen,
) -> None:
    """Score distances by pictures that the robot's camera took of the same scene.

    SOURCE is an HDF5 episode, a rectified video or a run; it comes before --real. Each picture shows the scene at the
    moment of one frame, from the robot's place. The scores are PSNR and SSIM, over the pixels that are real at every
    distance and over all, and how far named points are from where they should be. The distance 0 is scored as well: an
    alignment that is not better than none is of no use.

    The best distance is named only where SSIM, PSNR and the points agree, and the margin is clear over the pictures.
    Cameras that expose differently lower PSNR at every distance alike.
    """
    from stream.alignment.scores.verdict import verdict
    from stream.run.align import open_episode
    from stream.run.align_models import load_models
    from stream.run.align_score_table import document, show
    from stream.run.align_scores import RealPictures, score_distances
    from stream.run.align_source import episode_at
    from stream.ui.progress import PICTURES, fetch_progress, progress

    if source.suffix.lower() in _PICTURES:
        raise UsageError(f"SOURCE {source} is a picture: name the episode before --real")
    pictures = RealPictures.read((real, *more), frames, points)
    distances_m = sorted({0.0, *chosen_distances(distances)})
    options = options.model_copy(update={"offline": chosen.options("-").runtime.offline})
    console = Console(stderr=True)
    with fetch_progress(console, options.depth_model or "") as report:
        models = load_models(options, report)
    episode, _ = open_episode(episode_at(source), options)
    with closing(episode), progress(console, episode.path.name, PICTURES) as job:
        scores = score_distances(episode, options, models, pictures, distances_m, job.update)
    found = verdict(scores)
    if as_json:
        click.echo(json.dumps(document(scores, found), indent=1, allow_nan=False))
    else:
        show(scores, found, Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH))
