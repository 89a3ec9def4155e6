"""Writes the report of runs: one file, and the videos beside it if they are wanted."""

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from exporters.report.page import PageOptions, render
from exporters.report.pictures import choose_plan, embedded, keyframe_times, planned_files
from exporters.report.run import key_of, shown_run
from exporters.report.source_pictures import SourcePictureReader
from exporters.report.video import write_video
from exporters.report.view import ReportPicture, ShownRun
from exporters.run_view import RunView
from stream.errors import EgocleanError
from stream.records.schema.health import now
from stream.records.store.atomic import replaced_when_whole
from stream.sources.run_clip import ClipFinder

Progress: TypeAlias = Callable[[float, float], None]
"""Called with the seconds of video that are written, and those that will be."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of a report."""

    out: Path
    title: str = ""
    """Empty: the name of the only run, or how many there are."""
    pictures_bytes: int = 20 * 2**20
    """Most bytes of pictures in the file."""
    video: bool = False
    video_px: int | None = None
    """Longest side of the videos' pictures; None for the clips' own."""
    clips: Path | None = None
    """Folder to search for clips that are no longer where their runs read them."""


@dataclass(slots=True)
class ReportResult:
    """The outcome of a report."""

    runs: int = 0
    segments: int = 0
    size_bytes: int = 0
    failures: list[tuple[str, EgocleanError]] = field(default_factory=list)
    """Runs, or videos of runs, that could not be shown, and why."""


def write_report(
    views: Iterable[RunView], options: ReportOptions, result: ReportResult, progress: Progress = lambda *_: None
) -> None:
    """Write the report of runs. What is in ``result.failures`` before is named in it, too.

    A run or a video that fails is added to ``result.failures``, and the report shows the others.

    Raises:
        OSError: the file cannot be written.
    """
    shown, folders, views_shown = [], [], []
    taken: set[str] = set()
    for view in views:
        try:
            shown.append(shown_run(view, key_of(view.layout.root.name, taken)))
        except EgocleanError as error:
            result.failures.append((str(view.layout.root), error))
            continue
        folders.append(view.layout.keyframes)
        views_shown.append(view)
    finder = ClipFinder(options.clips)
    runs = list(_with_pictures(shown, views_shown, folders, options.pictures_bytes, finder))
    if options.video:
        runs = list(_with_videos(runs, views_shown, options, finder, result, progress))
    failures = tuple((where, str(error)) for where, error in result.failures)
    page = render(runs, PageOptions(options.title or _title(runs), now(), failures, has_video=options.video))
    content = page.encode("utf-8", "replace")
    with replaced_when_whole(options.out) as part:
        part.write_bytes(content)
    result.runs, result.segments = len(runs), sum(len(run.segments) for run in runs)
    result.size_bytes = len(content)


def _title(runs: Sequence[ShownRun]) -> str:
    return runs[0].name if len(runs) == 1 else f"{len(runs)} clips"


def _with_pictures(
    runs: Sequence[ShownRun], views: Sequence[RunView], folders: Sequence[Path], budget_bytes: int, finder: ClipFinder
) -> Iterator[ShownRun]:
    times_ms = [keyframe_times(folder) for folder in folders]
    plan = choose_plan(runs, folders, times_ms, budget_bytes)
    pictures: list[list[ReportPicture]] = [[] for _ in runs]
    files = planned_files(runs, folders, times_ms, plan.frames)
    for number, picture in embedded(files, plan.longest_px, budget_bytes):
        pictures[number].append(picture)
    left_bytes = budget_bytes - sum(len(each.src) for of_run in pictures for each in of_run)
    reader = SourcePictureReader(finder, plan.longest_px)
    for run, view, own in zip(runs, views, pictures, strict=True):
        found, note = own, ""
        if bare := [each for each in run.segments if not _has_picture(each.t_start_s, each.t_end_s, own)]:
            decoded = reader.read(view, bare)
            fits = _fitting(decoded.pictures, left_bytes)
            left_bytes -= sum(len(each.src) for each in fits)
            found, note = sorted([*own, *fits], key=lambda picture: picture.t_s), decoded.note
        yield run.model_copy(update={"pictures": tuple(found), "pictures_note": note if not found else ""})


def _has_picture(t_start_s: float, t_end_s: float, pictures: Sequence[ReportPicture]) -> bool:
    place = bisect_left(pictures, t_start_s - 0.0005, key=lambda picture: picture.t_s)
    return place < len(pictures) and pictures[place].t_s < t_end_s


def _fitting(pictures: Sequence[ReportPicture], budget_bytes: int) -> list[ReportPicture]:
    fits: list[ReportPicture] = []
    for picture in pictures:
        budget_bytes -= len(picture.src)
        if budget_bytes < 0:
            break
        fits.append(picture)
    return fits


def _with_videos(
    runs: Sequence[ShownRun],
    views: Sequence[RunView],
    options: ReportOptions,
    finder: ClipFinder,
    result: ReportResult,
    progress: Progress,
) -> Iterator[ShownRun]:
    folder = options.out.with_name(f"{options.out.stem}_videos")
    total_s = sum(run.t_end_s for run in runs)
    done_s = 0.0
    for run, view in zip(runs, views, strict=True):
        try:
            path = write_video(view, folder, finder, options.video_px, _from(progress, done_s, total_s))
        except EgocleanError as error:
            result.failures.append((f"video of {view.layout.root}", error))
            yield run
        else:
            yield run.model_copy(update={"video": f"{quote(os.fsencode(folder.name))}/{quote(path.name)}"})
        done_s += run.t_end_s


def _from(progress: Progress, done_s: float, total_s: float) -> Callable[[float], None]:
    """The progress of one video within that of all."""
    return lambda t_s: progress(done_s + t_s, total_s)
