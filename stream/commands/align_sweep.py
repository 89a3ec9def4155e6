"""``egoclean-stream align sweep SOURCE --distances 0.03,0.07,0.10``: a sheet to choose a distance from."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from stream.alignment.options import AlignOptions
from stream.commands.align_options import chosen_distances, trial_options
from stream.commands.command import ALL_CODES, command
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.picture_output import write_picture
from stream.commands.values import Choice, PathName, Whole
from stream.ui.standard_streams import echo

if TYPE_CHECKING:
    from stream.alignment.sheets.sweep import SweepRow
    from stream.run.align_trials import Trial

_PATH = PathName()


@command(
    examples=(
        (
            "Four frames at three distances, with depth in the episode",
            (
                "align sweep episode_0.hdf5 --distances 0.03,0.07,0.10\n"
                "--intrinsics camera.json --depth_key depth --trajectory down"
            ),
        ),
    ),
    exit_codes=ALL_CODES,
    never_waits=True,
)
@click.argument("source", type=_PATH)
@own_option(
    "--distances",
    metavar="M,M,...",
    required=True,
    help="In metres, such as 0.03,0.07,0.10; one column each.",
)
@own_option(
    "-o", "--out", type=_PATH, default=Path("sweep.png"), show_default=True, help="PNG file; its folder is made."
)
@own_option(
    "--frames",
    metavar="N,N,...",
    show_default="spread over the episode",
    help="Their numbers, such as 0,40,80.",
)
@own_option("--count", type=Whole(1, 100), default=4, show_default=True, help="How many, if they are not named.")
@own_option("--holes", is_flag=True, help="Mark holes in the colour of what filled them.")
@own_option("--theme", type=Choice(["dark", "light"]), default="dark", show_default=True, help="Colours of the sheet.")
@trial_options
@run_options("runtime.offline")
def sweep(
    source: Path,
    *,
    distances: str,
    out: Path,
    frames: str | None,
    count: int,
    holes: bool,
    theme: str,
    options: AlignOptions,
    chosen: Chosen,
) -> None:
    """Align some frames of SOURCE at several distances, on one sheet.

    SOURCE is an HDF5 episode, a rectified video or a run. Rows are frames, columns distances; below each picture
    stands which share of its pixels the warp left open, and which share was filled with real pixels of other frames.
    """
    from stream.alignment.frame_choice import chosen_numbers, spread
    from stream.alignment.sheets.sweep import sweep_sheet
    from stream.geometry.sheet_theme import SHEET_THEMES
    from stream.run.align import open_episode
    from stream.run.align_models import load_models
    from stream.run.align_source import episode_at
    from stream.run.align_trials import DistanceTrials, frame_numbers
    from stream.ui.progress import PICTURES, fetch_progress, progress

    distances_m = chosen_distances(distances)
    options = options.model_copy(update={"offline": chosen.options("-").runtime.offline})
    console = Console(stderr=True)
    with fetch_progress(console, options.depth_model or "") as report:
        models = load_models(options, report)
    episode, _ = open_episode(episode_at(source), options)
    with closing(episode), progress(console, episode.path.name, PICTURES) as job:
        trials = DistanceTrials(episode, options, models)
        numbers = chosen_numbers(frames) if frames else spread(frame_numbers(episode), count)
        rows = []
        for done, number in enumerate(numbers, 1):
            rows.append(_row(trials.of(number, distances_m)))
            job.update(done, len(numbers))
        name = episode.name
    depth = options.depth_model or f"data set {options.depth_key}"
    settings = f"camera {options.trajectory}  ·  depth: {depth}"
    write_picture(out, sweep_sheet(name, settings, distances_m, rows, SHEET_THEMES[theme], holes=holes))
    echo(
        f"{out}: frames {', '.join(map(str, numbers))} of {name} at {', '.join(f'{each:g}' for each in distances_m)} m"
    )


def _row(trial: "Trial") -> "SweepRow":
    from stream.alignment.sheets.sweep import SweepRow

    pictures = [(frame.picture, frame.origin) for frame in trial.aligned.values()]
    return SweepRow(f"frame {trial.number}", trial.source, pictures)
