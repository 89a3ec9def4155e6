"""``egoclean-stream align SOURCE``: what a robot's camera would have seen, and how that was made."""

import sys
from pathlib import Path

import click

from stream.alignment.options import AlignOptions
from stream.commands.align_ablation import ablation
from stream.commands.align_compare import compare
from stream.commands.align_demo import demo
from stream.commands.align_eval import evaluate
from stream.commands.align_options import align_options
from stream.commands.align_provenance import provenance
from stream.commands.align_sweep import sweep
from stream.commands.command import ALL_CODES, command
from stream.commands.groups import ImpliedGroup
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import PathName, Whole
from stream.errors import UsageError

_PATH = PathName()
_LOWER = (
    "A camera 7 cm lower, from depth in the episode",
    (
        "align episode_0.hdf5 --output_dir aligned\n--intrinsics camera.json --depth_key depth\n"
        "--trajectory down --movement_distance 0.07 --save_h5"
    ),
)


class _Align(ImpliedGroup):
    """A group whose arguments belong to ``episodes`` where no command is named."""

    implied = "episodes"

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """In the order in which they are used."""
        return list(self.commands)

    examples = (_LOWER,)


@click.group(cls=_Align)
def align() -> None:
    """Show episodes as a robot's camera would have seen them.

    `align SOURCE` is short for `align episodes SOURCE`.
    """


@command(
    examples=(
        _LOWER,
        (
            "All episodes of a folder, for a robot's own camera",
            (
                "align episodes/ --output_dir aligned --depth_key depth\n"
                "--intrinsics camera.json --pose head_to_robot.json\n--target-camera robot.json --workers 4"
            ),
        ),
    ),
    exit_codes=ALL_CODES,
    partial="done, but some frames failed, or lose what is protected",
    never_waits=True,
)
@click.argument("source", required=False, type=_PATH)
@own_option("--h5_file", "--h5-file", "h5_file", type=_PATH, help="SOURCE, as EgoHumanoid's script names a file.")
@own_option("--h5_dir", "--h5-dir", "h5_dir", type=_PATH, help="SOURCE, as EgoHumanoid's script names a folder.")
@align_options
@run_options("runtime.offline")
@own_option(
    "--workers", type=Whole(1, 64), default=1, show_default=True, help="Episodes to align at a time, each in a process."
)
@own_option(
    "--num_gpus",
    "--num-gpus",
    "num_gpus",
    type=Whole(1, 64),
    default=1,
    show_default=True,
    help="GPUs to share the episodes among, with a worker for each; those that are not there are not counted.",
)
def episodes(
    source: Path | None,
    *,
    h5_file: Path | None,
    h5_dir: Path | None,
    options: AlignOptions,
    chosen: Chosen,
    workers: int,
    num_gpus: int,
) -> None:
    """Warp episodes into a robot's camera, and fill what the person's camera did not see.

    SOURCE is an HDF5 episode, a folder of them, a video that `rectify` wrote, or a run directory, whose clip is
    rectified again. The camera moves along its own axes by --trajectory and --movement_distance, or by --pose.
    Pixels that the warp could keep are never changed: holes are filled from other frames of the episode first.

    With --save_h5, and always for a folder, OUTPUT_DIR gets <episode>.h5: the episode with its other data sets and
    attributes, its pictures stored as they were, and <image_key>_origin, which says of each pixel whether it is real
    (0), from another frame (1) or generated (2). Otherwise it gets a folder of PNG pictures. Beside them,
    <episode>_alignment.json records how they were made, and <episode>_alignment_frames.jsonl each frame.

    A call that was interrupted is continued at the next frame when it is repeated.
    """
    from models.memory.gpu import visible_gpus
    from stream.engines.align import align_places
    from stream.run.align_source import episodes_at

    place = _one_source(source, h5_file, h5_dir)
    options = options.model_copy(update={"offline": chosen.options("-").runtime.offline})
    places = episodes_at(place)
    if place.is_dir() and places[0].kind == "hdf5":
        options = options.model_copy(update={"save_h5": True})
    gpus = visible_gpus()[:num_gpus] if num_gpus > 1 else []
    sys.exit(align_places(places, options, max(workers, len(gpus)), gpus))


for each in (episodes, sweep, compare, evaluate, ablation, provenance, demo):
    align.add_command(each)


def _one_source(*named: Path | None) -> Path:
    """The only one that is named.

    Raises:
        UsageError: there is none, or there are several.
    """
    found = [each for each in named if each is not None]
    if len(found) != 1:
        what = "several" if found else "none"
        raise UsageError(f"one SOURCE is aligned in a call, and {what} are named: give SOURCE, --h5_file or --h5_dir")
    return found[0]
