"""Stage cases, and measure the detector on them.

    python -m tests.tools.detector_cases stage RECORDINGS CASES
    python -m tests.tools.detector_cases measure CASES
    python -m tests.tools.detector_cases ranges CASES --published egoclean_clip1.npz
    python -m tests.tools.detector_cases peers RECORDINGS CASES

RECORDINGS is a folder with ego/homes, ego/ego4d_site and ego/egodex, short recordings of people at work. CASES is a
folder outside the repository, in which the windows of every case are stored once. ``peers`` needs two more packages
(``pip install ruptures==1.1.10 scenedetect-headless==0.7.2``), best in an environment of its own.
"""

from pathlib import Path

import click
import cv2

from models.encoders.encoder import UInt8
from stream.detection.options import DetectorOptions
from tests.tools.detector_cases.cases import Split, cases
from tests.tools.detector_cases.footage import recordings
from tests.tools.detector_cases.measure import table, tally
from tests.tools.detector_cases.peers import measured_peers
from tests.tools.detector_cases.ranges import CONSTANTS, ranges
from tests.tools.detector_cases.simulated import simulated_cases
from tests.tools.detector_cases.stored import path_of, read_cases, read_published, write_case
from tests.tools.detector_cases.windows import Studio

_FOLDER = click.Path(path_type=Path)
SPLITS: tuple[Split, Split] = ("chosen", "held-out")


@click.group()
def main() -> None:
    """How well the causal detector does on staged work."""


@main.command()
@click.argument("recordings_folder", metavar="RECORDINGS", type=_FOLDER)
@click.argument("folder", metavar="CASES", type=_FOLDER)
@click.option("--split", "splits", type=click.Choice(SPLITS), multiple=True, default=SPLITS, show_default=True)
def stage(recordings_folder: Path, folder: Path, splits: tuple[Split, ...]) -> None:
    """Stage all cases from RECORDINGS and store their windows in CASES; what is there already stays."""
    cv2.setNumThreads(1)
    found = recordings(recordings_folder)
    for split in splits:
        names = list(found)[SPLITS.index(split) :: 2]
        click.echo(f"{split}: {', '.join(names)}")
        studio = _studio(found, split)
        for case in cases(len(names), split):
            if not path_of(folder, split, case).exists():
                write_case(folder, split, case, studio.units(case))


@main.command()
@click.argument("folder", metavar="CASES", type=_FOLDER)
@click.option("--split", type=click.Choice(SPLITS), default="held-out", show_default=True)
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="A constant of the detector.")
@click.option("--family", "families", multiple=True, help="Only cases whose names begin so.")
def measure(folder: Path, split: Split, settings: tuple[str, ...], families: tuple[str, ...]) -> None:
    """Print what is found in the stored CASES: one line a family."""
    values = dict(setting.split("=", 1) for setting in settings)
    click.echo(table(tally(read_cases(folder, split, families), DetectorOptions.model_validate(values))))


@main.command("peers")
@click.argument("recordings_folder", metavar="RECORDINGS", type=_FOLDER)
@click.argument("folder", metavar="CASES", type=_FOLDER)
@click.option("--family", "families", multiple=True, default=("event", "usual"), show_default=True)
def measure_peers(recordings_folder: Path, folder: Path, families: tuple[str, ...]) -> None:
    """Print what ruptures and PySceneDetect find in the same CASES."""
    cv2.setNumThreads(1)
    chosen, held_out = (list(read_cases(folder, split, families)) for split in SPLITS)
    studio = _studio(recordings(recordings_folder), "held-out")
    for name, each in measured_peers(chosen, held_out, studio):
        click.echo(f"\n{name}\n{table(each)}")


def _studio(found: dict[str, UInt8], split: Split) -> Studio:
    """For the half of the recordings that belongs to a split."""
    number = SPLITS.index(split)
    return Studio(list(found.values())[number::2], seed=10_000 * (number + 1))


@main.command("ranges")
@click.argument("folder", metavar="CASES", type=_FOLDER)
@click.option("--published", type=_FOLDER, help="The published embeddings of clip 1, an NPZ.")
@click.option("--family", "families", multiple=True, default=("event 8 s", "event 15 s", "usual"), show_default=True)
@click.option(
    "--without", type=int, multiple=True, help="Leave out the cases whose usual work has this number, from 0."
)
@click.option("--hours", default=0.0, show_default=True, help="Simulated work beside it.")
@click.option("--constant", "constants", type=click.Choice(CONSTANTS), multiple=True, default=CONSTANTS, help="[all]")
def print_ranges(
    folder: Path,
    published: Path | None,
    families: tuple[str, ...],
    without: tuple[int, ...],
    hours: float,
    constants: tuple[str, ...],
) -> None:
    """Print for each constant of the detector the range in which no event is lost and no alarm is added.

    The last column is the distance of the default from the nearer end, as a share of the range.
    """
    cases = [each for each in read_cases(folder, "chosen", families) if each[0].recording not in without]
    cases += simulated_cases(hours)
    if published is not None:
        cases += read_published(published)
    click.echo(f"{'':16}   {'lowest':12}{'default':12}   {'highest':12}")
    for each in ranges(cases, constants):
        click.echo(each.line)


if __name__ == "__main__":
    main()
