"""``egoclean-stream export FORMAT RUN... --to DEST``: what trainers read, made from runs."""

import logging
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from exporters.dataset.options import ExportOptions
from stream.commands.command import BY_SIGNAL, command
from stream.commands.export_options import export_options
from stream.commands.format_names import FormatNames
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.commands.values import PathName
from stream.errors import ExitCode, InputError, NoRoomError, UsageError, exit_code_of
from stream.records.schema.options import must_be_one_of
from stream.ui.progress import BYTES, SECONDS, progress
from stream.ui.text import clock, count, print_line

if TYPE_CHECKING:
    from exporters.dataset.export import Report, RunPlan
    from exporters.dataset.push import Push

_LOG: Final = logging.getLogger(__name__)
_PATH = PathName()
_EXAMPLES = (
    ("A LeRobot data set of all segments", "export lerobot runs/clip --to datasets/bench"),
    ("Anomalous segments of all runs, as clips", "export clips runs --to odd --select anomalous"),
    ("A data set on the hub", "export lerobot runs --to datasets/bench\n--push hf://datasets/OWNER/NAME"),
    ("Two formats at once; each clip is decoded once", "export lerobot,webdataset runs --to datasets/bench"),
)
_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.PARTIAL, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM,
    ExitCode.INTERNAL, *BY_SIGNAL,
)  # fmt: skip


@command(examples=_EXAMPLES, exit_codes=_CODES, partial="done, but some runs could not be exported", never_waits=True)
@click.argument("formats", metavar="FORMAT[,FORMAT...]", type=FormatNames())
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=_PATH)
@own_option("--to", "folder", type=_PATH, required=True, help="Folder of the data set, new or of an earlier export.")
@run_options("runtime.offline")
@export_options
@own_option("--push", metavar="ADDRESS", help="Also push to the hub: hf://datasets/OWNER/NAME, with HF_TOKEN.")
@own_option("--public", is_flag=True, help="Create the data set on the hub for everyone.  [default: private]")
@own_option("--dry-run", is_flag=True, help="Show what would be exported, and write nothing.")
def export(
    formats: str,
    runs: tuple[Path, ...],
    *,
    folder: Path,
    options: ExportOptions,
    push: str | None,
    public: bool,
    dry_run: bool,
    chosen: Chosen,
) -> None:
    """Export segments of runs as a data set.

    RUN is a run directory, finished or growing, or a folder of them. Each closed segment becomes an episode: a clip of
    constant frame rate that starts at time 0, with its captions and provenance. If you run it again with the same
    DEST, it adds what is new; an interrupted export is resumed.

    \b
    FORMAT is one of these, or several with commas between them:
      lerobot      LeRobotDataset v3.0
      lerobot21    LeRobotDataset v2.1, with the modality.json of GR00T
      webdataset   tar shards of clips, facts and captions
      hf           clips with metadata.jsonl, as the hub's viewer shows them
      cosmos       videos/ and metas/ for NVIDIA Cosmos
      clips        clips with a table
      frames       every frame as a JPEG
      vtt          clips with WebVTT subtitles
      eaf          clips with ELAN annotations
      labelstudio  tasks with predictions for Label Studio
      rerun        recordings for the Rerun viewer
      egohumanoid  HDF5 episodes of pictures, as EgoHumanoid reads them
      egoverse     Zarr episodes of pictures and subtasks, as EgoVerse reads them
      parquet      tables of episodes, actions and windows, without video
    """
    from exporters.dataset.export import Report
    from exporters.dataset.export import export as export_runs

    console, report, names = Console(), Report(), _formats(formats)
    offline = chosen.options("-").runtime.offline
    pushing = _push(push, names, options, public=public, offline=offline) if push else None
    plans, fps = _plans(runs, folder, options, report)
    seconds = _announce(console, plans, names, has_splits=bool(options.val_fraction))
    if plans and not dry_run:
        with _resumable(folder), progress(console, folder.name, SECONDS, seconds) as job:
            export_runs(plans, folder, options.header(names, fps), options, report, job.update)
        _show(console, report, folder)
        if pushing is not None and report.episodes:
            _send(console, pushing, folder, names[0])
    sys.exit(_show_failures(console, report, some=bool(plans and dry_run) or bool(report.episodes)))


def _announce(console: Console, plans: "Sequence[RunPlan]", names: Sequence[str], *, has_splits: bool) -> float:
    """Print what will be exported, with ``has_splits`` also for each split; returns the seconds of video."""
    seconds = sum(each.seconds for each in plans)
    episodes = sum(each.episodes for each in plans)
    video = f"{count(episodes, 'episode')}, {clock(seconds)}, of {count(len(plans), 'run')}"
    print_line(console, f"{video}, as {', '.join(names)}")
    if has_splits:
        _announce_splits(console, plans)
    return seconds


def _announce_splits(console: Console, plans: "Sequence[RunPlan]") -> None:
    """Print how many episodes and workers each split gets, and how many runs name no worker."""
    episodes: dict[str, int] = defaultdict(int)
    workers: dict[str, set[str]] = defaultdict(set)
    for each in plans:
        if each.split is not None:
            episodes[each.split] += each.episodes
            workers[each.split].add(each.worker)
    shares = (
        f"{split}: {count(episodes[split], 'episode')} of {count(len(workers[split]), 'worker')}"
        for split in ("train", "val")
    )
    print_line(console, ", ".join(shares))
    if unnamed := sum(not each.names_worker for each in plans):
        print_line(
            console,
            f"{unnamed} of {len(plans)} runs name no worker, and each counts as one: a worker may be in both splits",
        )


def _push(address: str, names: Sequence[str], options: ExportOptions, *, public: bool, offline: bool) -> "Push":
    """The push that is wanted, checked before any work.

    Raises:
        UsageError: it contradicts other options.
    """
    from exporters.dataset.push import Push

    if offline:
        raise UsageError(f"--push {address} needs the network, which --offline forbids: omit one of them")
    if len(names) > 1:
        raise UsageError(f"--push {address} takes one format, not {len(names)}: a data set on the hub has one card")
    if options.val_fraction and names[0].startswith("lerobot"):
        raise UsageError(
            f"--push {address}: with --val-fraction, {names[0]} writes two data sets, and LeRobot finds only one on "
            "the hub: omit --val-fraction"
        )
    return Push(address, public=public)


def _send(console: Console, pushing: "Push", folder: Path, name: str) -> None:
    """Push what is exported, and say so."""
    from exporters.table import FORMATS

    with _resumable(folder), progress(console, pushing.name, BYTES) as job:
        pushed = pushing.send(folder, FORMATS[name].tag, job.update)
    print_line(console, f"{count(pushed.files, 'file')} pushed, {pushed.there:,} there already: {pushed.url}")


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """State how to resume after an export that was stopped or ran out of room.

    Raises:
        NoRoomError: the disk is full.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        _LOG.warning("stopped: run the same command again to resume")
        raise
    except OSError as error:
        if exit_code_of(error) != ExitCode.NO_ROOM:
            raise
        raise NoRoomError(f"no room left on the disk of {folder}: free some, then repeat the command") from error


def _formats(text: str) -> tuple[str, ...]:
    """The formats of a list, each once, in the order of the table.

    Raises:
        UsageError: one is not known.
        ModelUnavailableError: a package that one needs is not installed.
    """
    from exporters.table import FORMATS

    names = {name.strip(): None for name in text.split(",")}
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"format {name}: {must_be_one_of(name, list(FORMATS))}")
        FORMATS[name].check()
    return tuple(name for name in FORMATS if name in names)


def _plans(folders: Sequence[Path], to: Path, options: ExportOptions, report: "Report") -> "tuple[list[RunPlan], int]":
    """How much of each run will be exported, and the common frame rate.

    Raises:
        InputError: no segment is selected.
    """
    from exporters.dataset.export import plan
    from exporters.dataset.store import read_header
    from exporters.run_view import view_runs

    earlier = read_header(to)
    wanted = options.plan_options(options.fps or (earlier.fps if earlier else None))
    plans, common = plan(view_runs(folders, report.failures, options.annotation), wanted, report)
    if common.fps is not None and any(each.episodes for each in plans):
        return plans, common.fps
    if report.failures:
        return [], 0
    raise InputError(f"nothing to export: no closed segment of {count(len(plans), 'run')} is selected")


def _show(console: Console, report: "Report", folder: Path) -> None:
    print_line(
        console,
        f"{count(report.added, 'episode')} added, {report.updated} updated: {report.episodes} in {folder}, "
        f"{report.seconds / 3600:.3f} h",
    )


def _show_failures(console: Console, report: "Report", *, some: bool) -> ExitCode:
    """Name the runs that were not exported; returns the exit code, which depends on whether ``some`` were."""
    for run, error in report.failures:
        print_line(console, f"not exported: {run}: {error}")
    if not report.failures:
        return ExitCode.DONE
    return ExitCode.PARTIAL if some else report.failures[0][1].exit_code
