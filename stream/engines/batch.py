"""A clip batch, several clips in one command: one that fails does not stop the rest, and a summary comes last."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from stream.errors import (
    MEANINGS,
    ExitCode,
    NoRoomError,
    NoVideoError,
    SourceError,
    UsageError,
    exit_code_of,
    is_stop,
    printable,
    sentence_of,
)
from stream.records.counts import RunCounts, total
from stream.records.schema.series import MOST_LEFT_OUT, Series, SeriesClip, SeriesFile
from stream.records.store.atomic import replace_file
from stream.records.store.versions import require_known_version
from stream.sources.address import ClipSpec, redacted
from stream.sources.discover import is_missing, list_clips
from stream.sources.selection import LeftOut, by_reason, without_video
from stream.ui.counts import counts_text
from stream.ui.notes import report_error
from stream.ui.screen import SeriesProgress
from stream.ui.text import clock, count

_ENDS_ALL = (ExitCode.MODEL_MISSING, ExitCode.NO_ROOM, ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM)
"""Exit codes that would occur for the next clip, too, or that the user caused."""
_DONE = (ExitCode.DONE, ExitCode.PARTIAL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one clip."""

    clip: str
    code: int
    """The exit code that it would have alone."""
    message: str
    """One line for the summary; ``says`` in ``series.json``."""
    video_s: float = 0.0
    """Seconds of video that were processed."""
    run_dir: Path | None = None
    """Its run directory; None if nothing was begun."""
    counts: RunCounts | None = None
    """What was found; None if nothing was begun."""
    stopped: int | None = None
    """The exit code of a signal that came too late to stop this clip: no other is begun."""
    wall_s: float = 0.0
    """Time that the clip took."""
    is_reported: bool = False
    """Whether the message is that of an error which has been printed when it occurred."""
    left_out: str = ""
    """Why it turned out to be no clip; empty for a clip."""


Job = Callable[[str], Outcome]
WriteLine = Callable[[str], None]
ShowProgress = Callable[[SeriesProgress], None]
_IMMEDIATE_S = 1.0
"""A clip that took less was not run: it was finished, or could not be read."""
ConcurrentRun = Callable[[Sequence[ClipSpec]], Iterable[Outcome]]
"""Runs all clips, several at a time, and yields the outcome of each as it ends."""


def run_clips(  # noqa: PLR0913 - all are about one batch
    specs: Sequence[str],
    job: Job,
    write_line: WriteLine,
    *,
    download: bool = False,
    fail_fast: bool,
    record: Path | None = None,
    run_concurrently: ConcurrentRun | None = None,
    show_progress: ShowProgress | None = None,
    overwrite: bool = False,
    names_results: bool = False,
) -> int:
    """Do the job for all clips that ``specs`` name; returns the exit code.

    One clip named by itself is no batch: its errors are raised, and with ``names_results`` its last line says where its
    results are. ``record`` is the file with the outcomes of a batch; ``run_concurrently`` runs a batch in its own way;
    ``show_progress`` shows how far it is. ``stream.sources.discover.list_clips`` describes ``download``. With
    ``overwrite``, every local path must exist before the first job, which may remove results.

    Raises:
        SourceError: a list of clips cannot be read, or with ``overwrite`` a local path does not exist.
        UsageError: two clips would be written to one place.
        NewerVersionError: a newer version wrote ``record``.
    """
    listing = list_clips(specs, download=download, overwrite=overwrite)
    named = listing.clips
    if overwrite and (missing := [redacted(clip.spec) for clip in named if is_missing(clip.spec)]):
        raise SourceError(
            f"{', '.join(missing)} cannot be read: No such file or directory; "
            "with --overwrite every clip must exist, and nothing was removed"
        )
    if [clip.spec for clip in named] == list(specs) and len(named) == 1:
        outcome = _checked(named[0], job)
        if names_results and outcome.run_dir is not None and outcome.code in _DONE:
            write_line(f"run directory: {outcome.run_dir}")
        return outcome.code
    if record and record.is_file():
        require_known_version(record, record.read_bytes())
    if run_concurrently is not None:
        refused = (attempt(clip, job) for clip in named if clip.fault)
        ended: Iterable[Outcome] = chain(refused, run_concurrently([clip for clip in named if not clip.fault]))
    else:
        ended = _one_by_one(named, job, write_line, fail_fast=fail_fast)
    return conclude(named, ended, write_line, show_progress, record=record, left_out=listing.left_out)


def run_in_turn(
    clips: Sequence[ClipSpec],
    job: Job,
    write_line: WriteLine,
    *,
    fail_fast: bool,
    record: Path | None = None,
    left_out: Sequence[LeftOut] = (),
    what: str = "clip",
) -> int:
    """Do the job for each clip in turn, then print a summary; returns the most severe exit code.

    Args:
        clips: As ``stream.sources.discover`` gives them.
        job: Its errors are reported and counted, not raised.
        write_line: Prints a line for the user.
        fail_fast: Stop at the first clip that fails. Missing weights, a full disk and a signal always stop.
        record: A file for programs, replaced as a whole after each clip.
        left_out: Files that were found beside the clips.
        what: What the summary counts.
    """
    ended = _one_by_one(clips, job, write_line, fail_fast=fail_fast)
    return conclude(clips, ended, write_line, record=record, left_out=left_out, what=what)


def conclude(
    clips: Sequence[ClipSpec],
    ended: Iterable[Outcome],
    write_line: WriteLine,
    show_progress: ShowProgress | None = None,
    *,
    record: Path | None,
    left_out: Sequence[LeftOut] = (),
    what: str = "clip",
) -> int:
    """Record the outcomes as the clips end, and print a summary; returns the most severe exit code.

    A clip that turns out to be none is left out as well. If none of a folder or tar is left, that is an error of its.
    """
    outcomes: list[Outcome] = []
    left = {clip.spec: clip for clip in clips}
    others, found_in = list(left_out), Counter(clip.unopened.place for clip in clips if clip.unopened)
    show = show_progress or (lambda _: None)
    show(_progress(outcomes, len(left)))
    for outcome in ended:
        clip = left.pop(outcome.clip, None)
        if outcome.left_out and clip and clip.unopened:
            write_line(f"{redacted(outcome.clip)}: {outcome.message}")
            others.append(LeftOut(outcome.clip, outcome.left_out))
            found_in[clip.unopened.place] -= 1
            outcomes += [_without_video(clip.unopened.place, others)] if not found_in[clip.unopened.place] else []
        else:
            outcomes.append(outcome)
        show(_progress(outcomes, len(left)))
        if record:
            write_record(record, outcomes, list(left), others)
    *lines, last = summary(outcomes, len(outcomes) + len(left), others, what)
    for line in [*lines, f"{last}; results in {record.parent}" if record else last]:
        write_line(line)
    signalled = [outcome.stopped for outcome in outcomes if outcome.stopped and left]
    return most_severe([*(outcome.code for outcome in outcomes), *signalled])


def _progress(outcomes: Sequence[Outcome], left: int) -> SeriesProgress:
    failed = sum(outcome.code not in _DONE and not is_stop(outcome.code) for outcome in outcomes)
    immediate = sum(outcome.wall_s < _IMMEDIATE_S for outcome in outcomes)
    return SeriesProgress(len(outcomes) + left, len(outcomes), failed, immediate)


def _without_video(place: str, left_out: Sequence[LeftOut]) -> Outcome:
    """Report that a folder or tar holds no clip."""
    error = without_video(redacted(place), [each for each in left_out if each.path.startswith(place)])
    return Outcome(place, report_error(error), sentence_of(error), is_reported=True)


def ends_batch(outcome: Outcome, *, fail_fast: bool) -> bool:
    """Whether the batch ends after this clip."""
    return bool(outcome.stopped) or outcome.code in _ENDS_ALL or (fail_fast and outcome.code not in _DONE)


def _one_by_one(clips: Sequence[ClipSpec], job: Job, write_line: WriteLine, *, fail_fast: bool) -> Iterator[Outcome]:
    for number, clip in enumerate(clips, start=1):
        write_line(f"[{number} of {len(clips)}] {redacted(clip.spec)}")
        yield (outcome := attempt(clip, job))
        if ends_batch(outcome, fail_fast=fail_fast):
            return


def write_record(
    path: Path, outcomes: Sequence[Outcome], left: Sequence[str], left_out: Sequence[LeftOut] = ()
) -> None:
    """Write the outcomes so far, the clips that are ``left``, and the files that are no clips, as JSON.

    Raises:
        UsageError: it cannot be written.
        NoRoomError: the disk is full.
    """
    series = Series(
        counts=total(each.counts for each in outcomes),
        clips=[
            SeriesClip(
                clip=redacted(outcome.clip),
                run_dir=str(outcome.run_dir) if outcome.run_dir else None,
                exit_code=int(outcome.code),
                says=outcome.message,
                video_s=round(outcome.video_s, 6),
                counts=outcome.counts,
                wall_s=round(outcome.wall_s, 3),
            )
            for outcome in outcomes
        ],
        left=[redacted(clip) for clip in left],
        left_out=[
            SeriesFile(path=printable(redacted(each.path)), reason=each.reason) for each in left_out[:MOST_LEFT_OUT]
        ],
        left_out_more=max(0, len(left_out) - MOST_LEFT_OUT),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps(series.model_dump(), indent=1) + "\n").encode())
    except OSError as error:
        if exit_code_of(error) == ExitCode.NO_ROOM:
            raise NoRoomError(sentence_of(error)) from error
        raise UsageError(f"{path} cannot be written ({error.strerror}): give another --out") from error


def most_severe(codes: Iterable[int]) -> int:
    """The highest code, except that 4 (done, with damage) ranks below any failure."""
    return max(codes, key=lambda code: 1 if code == ExitCode.PARTIAL else code, default=ExitCode.DONE)


def summary(outcomes: Sequence[Outcome], clips: int, left_out: Sequence[LeftOut] = (), what: str = "clip") -> list[str]:
    """One line a clip, each with its exit code; the files that are no clips; and the totals."""
    lines = [f"{each.code:3}  {redacted(each.clip)}: {_brief(each)}" for each in outcomes]
    done = [outcome for outcome in outcomes if outcome.code in _DONE]
    stopped = sum(is_stop(outcome.code) for outcome in outcomes)
    damaged = sum(outcome.code == ExitCode.PARTIAL for outcome in done)
    parts = [f"{len(done)} of {count(clips, what)} done"]
    if damaged:
        parts.append(f"{damaged} of them with damage")
    if stopped:
        parts.append(f"{stopped} stopped")
    if failed := len(outcomes) - len(done) - stopped:
        parts.append(f"{failed} failed")
    if left := clips - len(outcomes):
        parts.append(f"{left} not begun")
    video = f"{clock(sum(outcome.video_s for outcome in done))} of video"
    found = counts_text(total(each.counts for each in outcomes)) if any(each.counts for each in outcomes) else video
    lines += [f"left out: {'; '.join(by_reason(left_out))}"] if left_out else []
    return ["", *lines, f"{', '.join(parts)}; {found}"]


def _brief(outcome: Outcome) -> str:
    """The message; of an error that has been printed only its kind, since each error is printed once."""
    return MEANINGS[ExitCode(outcome.code)] if outcome.is_reported else outcome.message


def attempt(clip: ClipSpec, job: Job) -> Outcome:
    """Do the job for one clip; an error is reported, and is in the outcome."""
    began_at = time.monotonic()
    return replace(_outcome(clip, job), wall_s=time.monotonic() - began_at)


def _outcome(clip: ClipSpec, job: Job) -> Outcome:
    try:
        return _checked(clip, job)
    except KeyboardInterrupt:
        return Outcome(clip.spec, ExitCode.SIGINT, "stopped by SIGINT")
    except Exception as error:  # noqa: BLE001 - an error in one clip must not affect the next one
        if isinstance(error, NoVideoError) and clip.unopened:
            reason = f"{clip.unopened.content} without video"
            return Outcome(clip.spec, ExitCode.DONE, f"left out, {reason}", left_out=reason)
        return Outcome(clip.spec, report_error(error), sentence_of(error), is_reported=True)


def _checked(clip: ClipSpec, job: Job) -> Outcome:
    if clip.fault:
        raise clip.fault
    return job(clip.spec)
