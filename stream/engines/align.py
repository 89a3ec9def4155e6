"""Aligns the episodes of a call, one after another or several at a time."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from rich.console import Console

from stream.alignment.models import AlignModels
from stream.alignment.options import AlignOptions
from stream.engines.align_episode import EpisodeOutcome, align_episode_at
from stream.engines.align_workers import AlignWorkers
from stream.engines.batch import most_severe
from stream.errors import ExitCode
from stream.run.align_models import load_models
from stream.run.align_source import EpisodePlace
from stream.ui.notes import report_error
from stream.ui.progress import PICTURES, fetch_progress, progress
from stream.ui.screen import standard_console
from stream.ui.text import count, print_line

_LOG: Final = logging.getLogger(__name__)
_ENDS_ALL: Final = (ExitCode.MODEL_MISSING, ExitCode.NO_ROOM)
"""Exit codes that the next episode would have, too."""


def align_places(places: Sequence[EpisodePlace], options: AlignOptions, workers: int, gpus: Sequence[str] = ()) -> int:
    """Align all episodes, ``workers`` at a time, shared among ``gpus``; returns the most severe exit code.

    Raises:
        EgocleanError: there is one episode, and it cannot be aligned; of several, each has its line.
    """
    console = standard_console()
    with _resumable():
        if len(places) == 1:
            outcome = _align_here(places[0], options, _load(options, console), console)
            print_line(console, outcome.message)
            return outcome.code
        at_once = min(workers, len(places))
        ended = _in_turn(places, options, console) if at_once == 1 else _at_once(places, options, at_once, gpus)
        return _conclude(ended, len(places), console)


def _load(options: AlignOptions, console: Console) -> AlignModels:
    """The models; a download is shown."""
    with fetch_progress(console, options.depth_model or "") as report:
        return load_models(options, report)


def _align_here(place: EpisodePlace, options: AlignOptions, models: AlignModels, console: Console) -> EpisodeOutcome:
    with progress(console, place.path.name, PICTURES) as job:
        return align_episode_at(place, options, models, job.update)


def _in_turn(
    places: Sequence[EpisodePlace], options: AlignOptions, console: Console
) -> Iterator[tuple[EpisodePlace, EpisodeOutcome]]:
    models = _load(options, console)
    for place in places:
        try:
            yield place, _align_here(place, options, models, console)
        except Exception as error:  # noqa: BLE001 - an error in one episode must not affect the next one
            yield place, EpisodeOutcome(code=report_error(error), message="")


def _at_once(
    places: Sequence[EpisodePlace], options: AlignOptions, workers: int, gpus: Sequence[str]
) -> Iterator[tuple[EpisodePlace, EpisodeOutcome]]:
    with ExitStack() as stack:
        pool = AlignWorkers(workers, gpus)
        stack.callback(pool.close)
        yield from pool.run(places, options)


def _conclude(ended: Iterator[tuple[EpisodePlace, EpisodeOutcome]], episodes: int, console: Console) -> int:
    """Print a line for each episode as it ends, and a last one; returns the exit code."""
    codes = []
    for place, outcome in ended:
        codes.append(outcome.code)
        if outcome.message:
            print_line(console, f"[{len(codes)} of {episodes}] {place.path.name}: {outcome.message}")
        if outcome.code in _ENDS_ALL:
            break
    done = sum(code in (ExitCode.DONE, ExitCode.PARTIAL) for code in codes)
    print_line(console, f"{done} of {count(episodes, 'episode')} done")
    return most_severe(codes)


@contextmanager
def _resumable() -> Iterator[None]:
    """Say how to go on if the call is stopped."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        _LOG.warning("stopped: repeat the command to go on at the next frame")
        raise
