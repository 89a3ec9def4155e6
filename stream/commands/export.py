"""``egoclean-stream export FORMAT RUN... --to DEST``: what trainers read, made from runs."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console

from stream.commands.command import command
from stream.commands.option import own_option
from stream.commands.values import Choice, PathName, Real, Whole
from stream.errors import ExitCode, InputError, UsageError
from stream.ui.progress import SECONDS, progress
from stream.ui.text import clock, print_line

if TYPE_CHECKING:
    from exporters.dataset.export import Planned, Report
    from exporters.dataset.store import Header
    from exporters.run_view import RunView

_PATH = PathName()
_CRF: Final = {"h264": 23.0, "hevc": 26.0, "av1": 32.0}
"""Constant rate factors of about the same quality."""
_EXAMPLES = (
    ("A LeRobot data set of all segments", "export lerobot runs/clip --to datasets/bench"),
    ("Anomalous segments of all runs, as clips", "export clips runs --to odd --select anomalous"),
    ("Two formats at once; each clip is decoded once", "export lerobot,webdataset runs --to datasets/bench"),
)
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.PARTIAL, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM,
    ExitCode.INTERNAL, ExitCode.SIGINT, ExitCode.SIGTERM,
)  # fmt: skip


@command(examples=_EXAMPLES, exit_codes=_CODES)
@click.argument("formats", metavar="FORMAT[,FORMAT...]")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=_PATH)
@own_option("--to", "folder", type=_PATH, required=True, help="Folder of the data set, new or of an earlier export.")
@own_option(
    "--select",
    type=Choice(["all", "typical", "anomalous", "described"]),
    default="all",
    show_default=True,
    help="Segments to export.",
)
@own_option("--where", help="Condition on segments, such as: score_max > 0.12 and 'screw' in words")
@own_option(
    "--video",
    "picture",
    type=Choice(["rectified", "raw"]),
    default="rectified",
    show_default=True,
    help="Pictures as the run saw them, or as the camera recorded them.",
)
@own_option("--fps", type=Whole(1, 240), help="Frames a second.  [default: the first clip's, rounded]")
@own_option("--size", "longest_px", type=Whole(32, 16384), help="Longest side in pixels.")
@own_option("--codec", type=Choice(["h264", "av1", "hevc"]), default="h264", show_default=True, help="Video codec.")
@own_option("--crf", type=Real(0.0, 51.0), help="Constant rate factor.  [default: 23 for h264, 26 hevc, 32 av1]")
@own_option("--gop", type=Whole(1, 1000), help="Frames between keyframes.  [default: half a second]")
@own_option(
    "--longest-s",
    type=Real(1.0, 900.0),
    default=300.0,
    show_default=True,
    help="Longest episode, in seconds; a longer segment becomes several.",
)
@own_option(
    "--val-fraction",
    type=Real(0.0, 0.9),
    default=0.0,
    show_default=True,
    help="Share of the workers set apart for validation.",
)
@own_option("--seed", type=Whole(0, 2**31 - 1), default=0, show_default=True, help="Seed of that choice.")
@own_option(
    "--language",
    type=Choice(["columns", "subtask", "none"]),
    default="columns",
    show_default=True,
    help="lerobot: subtasks for 0.6 and later, for 0.4 and 0.5, or not at all.",
)
@own_option("--license", "licence", default="", help="Licence of the clips, for the record, such as apache-2.0.")
@own_option(
    "--workers",
    type=Whole(1, 64),
    default=max(1, (os.cpu_count() or 2) // 2),
    help="Clips to cut at a time.  [default: half the cores]",
)
@own_option("--dry-run", is_flag=True, help="Show what would be exported, and write nothing.")
def export(formats: str, runs: tuple[Path, ...], *, folder: Path, dry_run: bool, **chosen: Any) -> None:  # noqa: ANN401
    """Export segments of runs as a data set.

    RUN is a run directory, finished or growing, or a folder of them. Each closed segment becomes an episode: a clip of
    constant frame rate whose first frame has time 0, with its words and its origin. Called again with the same DEST,
    it adds what is new; an interrupted export is resumed.

    \b
    FORMAT is one of these, or several with commas between them:
      lerobot     LeRobotDataset v3.0
      webdataset  tar shards of clips, facts and captions
      hf          clips with metadata.jsonl, as the hub's viewer shows them
      cosmos      videos/ and metas/ for NVIDIA Cosmos
      clips       clips with a table
      frames      every frame as a JPEG
      vtt         clips with WebVTT subtitles
      parquet     tables of episodes, actions and windows, without video
    """
    from exporters.dataset.export import export as export_runs

    console = Console()
    names = _formats(formats)
    planned, fps = _planned([view for run in runs for view in _views(run)], folder, chosen)
    seconds = sum(each.seconds for each in planned)
    count = sum(len(each.episodes) for each in planned)
    print_line(console, f"{count} episodes, {clock(seconds)}, of {len(planned)} runs, as {', '.join(names)}")
    if dry_run:
        return
    header = _header(names, fps, chosen)
    with progress(console, folder.name, SECONDS, seconds) as job:
        report = export_runs(
            planned, folder, header, licence=chosen["licence"], workers=chosen["workers"], progress=job.update
        )
    sys.exit(_show(console, report, folder))


def _formats(text: str) -> tuple[str, ...]:
    """The formats of a list, each once.

    Raises:
        UsageError: one is not known.
        ModelUnavailableError: a package that one needs is not installed.
    """
    from exporters.table import FORMATS

    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"format {name}: must be one of {', '.join(FORMATS)}")
        FORMATS[name].check()
    return names


def _views(folder: Path) -> "Iterator[RunView]":
    """The run in a directory, or all runs in it.

    Raises:
        InputError: it holds none, or one cannot be read.
    """
    from exporters.run_view import view_run
    from stream.records.reading import layout_of

    inner = [folder] if layout_of(folder).events.is_file() else sorted(p for p in folder.glob("*") if p.is_dir())
    found = [path for path in inner if layout_of(path).events.is_file()]
    if not found:
        raise InputError(f"{folder} is no run directory and holds none: there is no events.jsonl")
    for path in found:
        yield view_run(path)


def _planned(views: "list[RunView]", folder: Path, chosen: dict[str, Any]) -> "tuple[list[Planned], int]":
    """The episodes of all runs, and their common frame rate."""
    from exporters.dataset.export import plan
    from exporters.dataset.expression import parse_condition
    from exporters.dataset.plan import Wish
    from exporters.dataset.store import read_header

    condition = parse_condition(chosen["where"]) if chosen["where"] else None
    earlier = read_header(folder)
    fps = chosen["fps"] or (earlier.fps if earlier else None)
    wish = Wish(
        chosen["select"], condition, fps, chosen["longest_s"], chosen["val_fraction"], chosen["seed"]
    )  # fmt: skip
    planned = plan(views, wish)
    first = next((episode for each in planned for episode in each.episodes), None)
    if first is None:
        raise InputError(f"nothing to export: no closed segment of {len(views)} runs is selected")
    return (planned if fps else plan(views, replace(wish, fps=first.fps))), first.fps


def _header(names: tuple[str, ...], fps: int, chosen: dict[str, Any]) -> "Header":
    from exporters.dataset.store import Header

    codec = chosen["codec"]
    return Header(
        formats=names,
        fps=fps,
        picture=chosen["picture"],
        longest_px=chosen["longest_px"],
        codec=codec,
        crf=_CRF[codec] if chosen["crf"] is None else chosen["crf"],
        gop=chosen["gop"] or max(1, fps // 2),
        longest_s=chosen["longest_s"],
        val_fraction=chosen["val_fraction"],
        seed=chosen["seed"],
        options={"language": chosen["language"]},
    )


def _show(console: Console, report: "Report", folder: Path) -> ExitCode:
    """Print what was done; returns the exit code."""
    rows = report.rows
    hours = sum(row.episode.duration_s for row in rows) / 3600
    print_line(
        console, f"{report.added} episodes added, {report.updated} updated: {len(rows)} in {folder}, {hours:.3f} h"
    )
    for run, error in report.failures:
        print_line(console, f"not exported: {run}: {error}")
    if report.failures:
        return ExitCode.PARTIAL if rows else report.failures[0][1].exit_code
    return ExitCode.DONE
