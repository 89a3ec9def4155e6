"""Periods, cycles, cuts and idle stretches, on clips of which they are known.

    python -m tests.tools.eval_cycles                                simulated embeddings
    python -m tests.tools.eval_cycles --data FOLDER --stored FOLDER   recorded work as well
    python -m tests.tools.eval_cycles loop-8 tea ...                 some of the cases

Recorded work is the first seconds of a recording in ``--data``, repeated with jitter, sway, noise and exposure,
stopped, and encoded as H.265, then decoded and embedded by the stages of the chain with the grid encoder. ``--stored``
has its embeddings from an earlier call, or gets them. Cases with an even seed are for choosing constants; the others,
and the recordings that are named for it, are held out.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from stream.detection.options import DetectorOptions
from stream.pipeline.items import Item
from tests.tools.eval_cycles.footage import RECORDINGS, embed, film, load, store
from tests.tools.eval_cycles.measures import Measures, measure, same_phase, segments_of
from tests.tools.eval_cycles.simulated import SIMULATIONS, simulate
from tests.tools.eval_cycles.timeline import Timeline

_FOLDER = click.Path(path_type=Path, file_okay=False)
_HEADER = (
    "case",
    "right",
    "wrong",
    "miss",
    "inv",
    "cyc err",
    "max",
    "cuts",
    "turn",
    "chance",
    "phase",
    "tIoU",
    "false",
)
_WIDTHS = (24, 6, 6, 5, 4, 8, 6, 5, 6, 7, 6, 6, 6)


@dataclass(frozen=True)
class KnownClip:
    """A clip with its truth."""

    group: str
    name: str
    held_out: bool
    timeline: Timeline
    items: list[Item]
    with_motion: bool = False


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
@click.option("--seeds", default=2, show_default=True, help="Clips of each simulation; half of them are held out.")
@click.option("--data", type=_FOLDER, help="Folder with the recordings.")
@click.option("--stored", type=_FOLDER, help="Folder for their embeddings.")
@click.option("--each", is_flag=True, help="Print each case.")
def main(names: tuple[str, ...], seeds: int, data: Path | None, stored: Path | None, each: bool) -> None:
    options = DetectorOptions()
    sums: dict[str, Measures] = {}
    clips: dict[str, list[Measures]] = {}
    click.echo(_row(_HEADER))
    for case in (*_simulated(names, seeds), *(_filmed(names, data, stored) if data and stored else ())):
        segments = segments_of(case.items, options, with_motion=case.with_motion)
        found = measure(case.timeline, segments, options)
        if each:
            click.echo(_row(_cells(f"{case.name}{'*' if case.held_out else ''}", found, _phases([found]))))
        for group in (case.group, *(() if case.group.startswith("filmed") else ("simulated",))):
            name = f"{group}{' held out' if case.held_out else ''}"
            sums.setdefault(name, Measures()).add(found)
            clips.setdefault(name, []).append(found)
    for group, found in sums.items():
        click.echo(_row(_cells(group, found, _phases(clips[group]))))


def _simulated(names: tuple[str, ...], seeds: int) -> Iterator[KnownClip]:
    for number, (name, simulation) in enumerate(SIMULATIONS.items()):
        for seed in range(seeds if not names or name in names else 0):
            timeline, items = simulate(simulation, 1000 * number + seed)
            yield KnownClip(name.partition("-")[0], f"{name}:{seed}", seed % 2 == 1, timeline, items)


def _filmed(names: tuple[str, ...], data: Path, stored: Path) -> Iterator[KnownClip]:
    """Each recording twice: by its embeddings alone, and with its motion."""
    stored.mkdir(parents=True, exist_ok=True)
    for number, (name, recording) in enumerate(RECORDINGS.items()):
        path = stored / f"{name}.npz"
        if names and name not in names:
            continue
        if not path.exists():
            with tempfile.TemporaryDirectory() as folder:
                clip = Path(folder) / f"{name}.mkv"
                timeline = film(recording, data, clip, number)
                store(path, timeline, embed(clip))
        timeline, items = load(path)
        yield KnownClip("filmed", name, recording.held_out, timeline, items)
        yield KnownClip("filmed, with motion", f"{name} m", recording.held_out, timeline, items, with_motion=True)


def _phases(clips: list[Measures]) -> float | None:
    """Mean of ``same_phase`` over the cuts of clips with at least two."""
    spreads = [same_phase(clip.cuts) for clip in clips for _ in clip.cuts if len(clip.cuts) >= 2]
    return float(np.mean(spreads)) if spreads else None


def _cells(name: str, found: Measures, phase: float | None) -> tuple[str, ...]:
    errors = np.abs(found.cycles_errors)
    return (
        name,
        str(found.right),
        str(found.wrong),
        str(found.missing),
        str(found.invented),
        _number(float(errors.mean()) if len(errors) else None),
        _number(float(errors.max()) if len(errors) else None),
        str(len(found.cuts)),
        _number(float(np.abs(found.cuts).mean()) if found.cuts else None),
        _number(float(np.mean(found.chance)) if found.chance else None),
        _number(phase),
        _number(float(np.mean(found.overlaps)) if found.overlaps else None),
        str(found.false_idle),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _row(cells: tuple[str, ...]) -> str:
    return cells[0].ljust(_WIDTHS[0]) + "".join(
        cell.rjust(width) for cell, width in zip(cells[1:], _WIDTHS[1:], strict=True)
    )


if __name__ == "__main__":
    main()
