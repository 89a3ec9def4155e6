"""``egoclean-stream align ablation``: the manifests of the four arms that show what alignment is worth."""

import sys
from pathlib import Path

from rich.console import Console

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.values import PathName, Real, Whole
from stream.errors import ExitCode, UsageError
from stream.ui.standard_streams import echo
from stream.ui.text import count

_PATH = PathName()
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.PARTIAL, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM,
    ExitCode.INTERNAL,
)  # fmt: skip


@command(
    examples=(
        (
            "As many human as robot episodes in all arms",
            "align ablation --raw human/ --aligned aligned/\n--robot robot/ --out ablation --equal",
        ),
    ),
    exit_codes=_CODES,
    partial="done, but some human episodes have no counterpart and are in no arm",
)
@own_option("--raw", type=_PATH, metavar="FOLDER", required=True, help="Human episodes, HDF5, as they were recorded.")
@own_option("--aligned", type=_PATH, metavar="FOLDER", required=True, help="What `align` made of them.")
@own_option("--robot", type=_PATH, metavar="FOLDER", required=True, help="The robot's own episodes, HDF5.")
@own_option("-o", "--out", type=_PATH, metavar="FOLDER", required=True, help="Folder for the manifests; it is made.")
@own_option(
    "--image_key",
    "--image-key",
    "image_key",
    default="observation_image_left",
    show_default=True,
    help="Data set of the pictures of raw human episodes.",
)
@own_option(
    "--robot_image_key",
    "--robot-image-key",
    "robot_image_key",
    metavar="NAME",
    show_default="that of the human episodes",
    help="The same in the robot's.",
)
@own_option(
    "--val-fraction", type=Real(0.0, 0.9), default=0.1, show_default=True, help="Share of episodes for validation."
)
@own_option("--equal", is_flag=True, help="As many human as robot episodes, drawn from the larger group.")
@own_option("--seed", type=Whole(0, 2**31 - 1), default=42, show_default=True, help="Seed of the split and the draw.")
def ablation(
    raw: Path,
    aligned: Path,
    robot: Path,
    out: Path,
    *,
    image_key: str,
    robot_image_key: str | None,
    val_fraction: float,
    equal: bool,
    seed: int,
) -> None:
    """Write the episodes of the four arms of an ablation, for a trainer.

    The folder gets robot_only.json, raw_human.json, aligned_human.json and aligned_and_robot.json: each episode with
    its path, frames, SHA-256, image key and split. Both human arms have the same episodes in the same split; a pair is
    found by the hash of the source in the record of the alignment. Episodes that were only recorded, or whose source
    is gone, are named and left out.

    Raw, aligned and robot episodes must be in folders of their own.
    """
    from stream.alignment.ablation import manifests
    from stream.records.store.atomic import replace_file
    from stream.run.align_ablation import AblationFolders, find_episodes
    from stream.ui.progress import STEPS, progress

    folders = AblationFolders(raw, aligned, robot, out)
    with progress(Console(stderr=True), "ablation", STEPS) as job:
        found = find_episodes(folders, image_key, robot_image_key or image_key, job.update)
    _make(out)
    for each in manifests(found.episodes, seed, val_fraction, is_equal=equal):
        path = out / f"{each.arm}.json"
        replace_file(path, (each.model_dump_json(indent=1, ensure_ascii=True) + "\n").encode())
        humans, robots = each.human, each.robot
        human, robot_own = (one.train_episodes + one.val_episodes for one in (humans, robots))
        frames = count(sum(entry.frames for entry in each.episodes), "frame")
        val = humans.val_episodes + robots.val_episodes
        echo(f"{path}: {human} human and {robot_own} robot episodes, {val} of them for validation, {frames}")
    for sentence in found.unpaired:
        echo(f"left out: {sentence}", err=True)
    sys.exit(ExitCode.PARTIAL if found.unpaired else ExitCode.DONE)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be created: {error.strerror}") from error
